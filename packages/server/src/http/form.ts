import { SegnoError } from "@segno/core";

const maxFields = 64;

/** A form's fields by name: a list for those that may come more than once. */
export type Form = Readonly<Record<string, string | readonly string[]>>;

/**
 * Parses `application/x-www-form-urlencoded` (RFC 6749 appendix B): every name once (section 3.2), every escape whole
 * and valid UTF-8.
 * @param repeatable names that may come more than once, for example `resource` (RFC 8707): always lists
 * @throws SegnoError `invalid_input`
 */
export function parseForm(text: string, repeatable: readonly string[] = []): Form {
  const fields: Record<string, string | string[]> = Object.create(null);
  if (text === "") return fields;
  const pairs = text.split("&");
  if (pairs.length > maxFields) throw new SegnoError("invalid_input", "The form has too many fields.");
  for (const pair of pairs) {
    const split = pair.indexOf("=");
    const name = unescape(split < 0 ? pair : pair.slice(0, split));
    const value = unescape(split < 0 ? "" : pair.slice(split + 1));
    const known = fields[name];
    if (repeatable.includes(name)) fields[name] = Array.isArray(known) ? [...known, value] : [value];
    else if (known === undefined) fields[name] = value;
    else throw new SegnoError("invalid_input", "A form field is given twice.");
  }
  return fields;
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new SegnoError("invalid_input", "The form is not valid.");
  }
}
