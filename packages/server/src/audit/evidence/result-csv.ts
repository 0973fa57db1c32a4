import type { LeafContent } from "../leaf/leaf.js";

const columns = [
  "index",
  "time",
  "type",
  "outcome",
  "subject",
  "actortype",
  "actorid",
  "requestid",
  "id",
  "data",
] as const;

/** The answer to the query as a table (RFC 4180). Nothing personal is opened: a bundle is out of an erasure's reach. */
export function resultCsv(rows: readonly { readonly index: number; readonly leaf: LeafContent }[]): string {
  const lines = rows.map(({ index, leaf }) => {
    const { event } = leaf;
    const values: Readonly<Record<string, unknown>> = {
      ...event,
      index,
      type: leaf.type,
      data: JSON.stringify(event["data"] ?? null),
    };
    return columns.map((name) => cell(values[name])).join(",");
  });
  return [columns.join(","), ...lines, ""].join("\r\n");
}

/** What a table program would take for a formula gets an apostrophe before it. */
function cell(value: unknown): string {
  const raw = typeof value === "string" || typeof value === "number" ? String(value) : "";
  const text = /^[=+\-@\t\r]/.test(raw) && typeof value === "string" ? `'${raw}` : raw;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
