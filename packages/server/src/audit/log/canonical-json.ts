/** A value that JSON can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/** Deeper than anything honest, shallower than the stack. */
const maxDepth = 64;

/**
 * The one spelling of a JSON value (RFC 8785): names in the order of their UTF-16 code units, no white space, numbers as
 * ECMAScript writes them. A name whose value is undefined is left out.
 * @throws TypeError for what has no such spelling: NaN and infinities, half a surrogate pair, bigints, functions, nesting
 * deeper than 64
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, 0);
}

/**
 * Reads JSON that is in its one spelling.
 * @throws TypeError for any other: a name given twice, white space, another order, another way to write a number
 */
export function parseCanonicalJson(text: string): JsonValue {
  const value = parse(text);
  if (canonicalJson(value) !== text) throw new TypeError("This is not canonical JSON (RFC 8785).");
  return value;
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new TypeError("This is not JSON.", { cause: error });
  }
}

function write(value: JsonValue | undefined, depth: number): string {
  if (depth > maxDepth) throw new TypeError("JSON is nested too deeply.");
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "string") return writeString(value);
  if (typeof value !== "object") throw new TypeError(`JSON has no ${typeof value}.`);
  if (isList(value)) return `[${value.map((item) => write(item, depth + 1)).join(",")}]`;
  requirePlain(value);
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  return `{${names
    .sort()
    .map((name) => `${writeString(name)}:${write(value[name], depth + 1)}`)
    .join(",")}}`;
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError("JSON has no such number.");
  return JSON.stringify(value);
}

function writeString(value: string): string {
  if (!value.isWellFormed()) throw new TypeError("A string with half a surrogate pair has no canonical form.");
  return JSON.stringify(value);
}

/** A date or a map would silently become something else. */
function requirePlain(value: object): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError("Only plain objects can be written.");
}

const isList = (value: object): value is readonly JsonValue[] => Array.isArray(value);
