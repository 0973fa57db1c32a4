/** A JSON object as it came in, frozen all the way down. */
export type JsonObject = Readonly<Record<string, unknown>>;

const maxDepth = 16;

/**
 * Parses a JSON object the one way it can be read: no duplicate member names at any depth (two parsers would
 * disagree about them), no member called `__proto__`, bounded depth. The result is deeply frozen, because verified
 * claims are shared by everybody the cache answers.
 * @throws TypeError
 */
export function parseJsonObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("Not a JSON object.");
  const counted = freezeAndCount(value, 1);
  if (counted !== countMembersInText(text)) throw new TypeError("A JSON member name is used twice.");
  return value as JsonObject;
}

function freezeAndCount(value: object, depth: number): number {
  if (depth > maxDepth) throw new TypeError("JSON is nested too deeply.");
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      if (typeof item === "object" && item !== null) members += freezeAndCount(item, depth + 1);
    }
  } else {
    for (const name of Object.keys(value)) {
      if (name === "__proto__") throw new TypeError("A JSON member is called __proto__.");
      members += 1;
      const item = (value as JsonObject)[name];
      if (typeof item === "object" && item !== null) members += freezeAndCount(item, depth + 1);
    }
  }
  Object.freeze(value);
  return members;
}

/** Every colon outside a string belongs to one member. The text is known to be valid JSON. */
function countMembersInText(text: string): number {
  let members = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 58) members += 1;
    else if (code === 34) index = endOfString(text, index);
  }
  return members;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text.charCodeAt(end - 1) === 92 && backslashesBefore(text, end) % 2 === 1) end = text.indexOf('"', end + 1);
  return end;
}

function backslashesBefore(text: string, index: number): number {
  let count = 0;
  while (text.charCodeAt(index - 1 - count) === 92) count += 1;
  return count;
}
