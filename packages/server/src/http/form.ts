import { SegnoError } from "@segno/core";

const maxFields = 64;

/**
 * Parses `application/x-www-form-urlencoded` (RFC 6749 appendix B): every name once (section 3.2), every escape whole
 * and valid UTF-8.
 * @throws SegnoError `invalid_input`
 */
export function parseForm(text: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = Object.create(null);
  if (text === "") return fields;
  const pairs = text.split("&");
  if (pairs.length > maxFields) throw new SegnoError("invalid_input", "The form has too many fields.");
  for (const pair of pairs) {
    const split = pair.indexOf("=");
    const name = unescape(split < 0 ? pair : pair.slice(0, split));
    if (name in fields) throw new SegnoError("invalid_input", "A form field is given twice.");
    fields[name] = unescape(split < 0 ? "" : pair.slice(split + 1));
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
