import { SegnoError } from "@segno/core";

const maxDepth = 12;
const maxMembers = 256;
const maxItems = 256;
/** No field is called so; code that copies objects by key would be led astray (T-071). */
const forbiddenNames = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Parses JSON the one way it can be read: no member name twice, none of the names of an object's inner workings,
 * bounded depth and size.
 * @throws SegnoError `invalid_input`
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused("The body is not JSON.");
  }
  const counts = { members: 0, items: 0 };
  measure(value, 1, counts);
  if (counts.members !== countColons(text)) throw refused("A member name is used twice.");
  return value;
}

function measure(value: unknown, depth: number, counts: { members: number; items: number }): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > maxDepth) throw refused("The body is nested too deeply.");
  if (Array.isArray(value)) {
    counts.items += value.length;
    if (counts.items > maxItems) throw refused("The body has too many items.");
    for (const item of value as readonly unknown[]) measure(item, depth + 1, counts);
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    counts.members += 1;
    if (counts.members > maxMembers) throw refused("The body has too many members.");
    if (forbiddenNames.has(name)) throw refused("A member name is not allowed.");
    measure(member, depth + 1, counts);
  }
}

/** Each colon outside a string belongs to one member; a member that came twice has left only one behind. */
function countColons(validJson: string): number {
  const outsideStrings = validJson.replace(/"(?:[^"\\]|\\.)*"/gs, "");
  let colons = 0;
  for (let index = outsideStrings.indexOf(":"); index >= 0; index = outsideStrings.indexOf(":", index + 1)) colons += 1;
  return colons;
}

function refused(message: string): SegnoError {
  return new SegnoError("invalid_input", message);
}
