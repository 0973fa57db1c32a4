/** Opens what is personal in a leaf; undefined when its key is gone. */
export type OpenPersonal = (personal: unknown) => Readonly<Record<string, unknown>> | undefined;

/** A leaf for people and for machines. Without `open`, what is personal stays sealed. */
export function leafText(leaf: Uint8Array, open?: OpenPersonal): { readonly text: string; readonly json: unknown } {
  const raw = Buffer.from(leaf).toString("utf8");
  let json: unknown;
  try {
    json = JSON.parse(raw);
  } catch {
    return {
      text: `  (no JSON) ${printable(raw.slice(0, 200))}`,
      json: { base64: Buffer.from(leaf).toString("base64") },
    };
  }
  if (typeof json !== "object" || json === null) return { text: `  ${printable(raw)}`, json };
  const { expired, personal, ...said } = json as Readonly<Record<string, unknown>>;
  if (typeof expired === "string") return { text: `  [expired by class ${printable(expired)}]`, json };
  const lines = rows("", said);
  if (personal !== undefined) lines.push(...personalRows(personal, open));
  return { text: lines.join("\n"), json };
}

function personalRows(personal: unknown, open: OpenPersonal | undefined): readonly string[] {
  if (open === undefined) return [row("personal", "[sealed]")];
  const fields = open(personal);
  return fields === undefined ? [row("personal", "[erased]")] : rows("personal", fields);
}

function rows(prefix: string, value: unknown): string[] {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0)
    return [row(prefix, typeof value === "string" ? value : (JSON.stringify(value) ?? ""))];
  return Object.entries(value).flatMap(([name, each]) => rows(prefix === "" ? name : `${prefix}.${name}`, each));
}

const row = (name: string, value: string): string => `  ${printable(name).padEnd(28)} ${printable(value)}`;

/** What a terminal would take for a command is shown as an escape. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
