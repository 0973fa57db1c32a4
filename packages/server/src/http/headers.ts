import type { HeaderSource } from "@segno/core";

/** A header's value from the web's or Node's form; several lines of one header are joined as HTTP does. Absent: null. */
export function readHeader(headers: HeaderSource, lowerCaseName: string): string | null {
  if (typeof headers.get === "function") return (headers as { get(name: string): string | null }).get(lowerCaseName);
  const record = headers as Readonly<Record<string, string | readonly string[] | undefined>>;
  const value = Object.hasOwn(record, lowerCaseName) ? record[lowerCaseName] : undefined;
  if (value === undefined) return null;
  if (typeof value === "string") return value;
  return value.join(lowerCaseName === "cookie" ? "; " : ", ");
}
