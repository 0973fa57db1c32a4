import type { SegnoError } from "@segno/core";
import { invalidFields } from "../http/index.js";

const longestAddress = 254;
const longestLocalPart = 64;

/** RFC 5321 dot-string, after normalising. Quoted local parts, comments and SMTPUTF8 local parts are refused. */
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const domainLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Format characters (zero-width, bidi), controls, separators, unassigned, private use, lone surrogates. */
const hidden = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
/** Characters that only turn into an ASCII delimiter under NFKC, such as a full-width or small commercial at. */
const delimiter = /[@.,;:<>()[\]"\\\s]/;

/**
 * Turns what a person typed into the one spelling that is stored, compared and mailed to: normalise, then validate,
 * then never change again. NFKC, outer blanks trimmed, lower case, internationalised domains in their ASCII form.
 *
 * Not checked: that the mailbox exists, and whether the provider ignores dots or `+tags` (they stay distinct).
 *
 * @throws SegnoError `invalid_input` for anything that is not exactly one plain mailbox
 * @example
 * normalizeEmail(" Ada@Exämple.org "); // "ada@xn--exmple-cua.org"
 */
export function normalizeEmail(input: string): string {
  if (typeof input !== "string" || input.length > longestAddress * 2) throw refused("length");
  const typed = input.replace(/^[ \t]+|[ \t]+$/g, "");
  if (hidden.test(typed)) throw refused("hidden_character");
  if (hasDisguisedDelimiter(typed)) throw refused("look_alike");
  const address = typed.normalize("NFKC").toLowerCase().normalize("NFKC");
  if (hidden.test(address)) throw refused("hidden_character");
  const parts = address.split("@");
  const [local, domain] = parts;
  if (parts.length !== 2 || !local || !domain) throw refused("shape");
  if (!localPart.test(local) || local.length > longestLocalPart) throw refused("local_part");
  const result = `${local}@${asciiDomain(domain)}`;
  if (result.length > longestAddress) throw refused("length");
  return result;
}

/** True when a character outside ASCII becomes, or brings along, a character that separates parts of an address. */
function hasDisguisedDelimiter(text: string): boolean {
  for (const character of text) {
    if (character.charCodeAt(0) < 0x80) continue;
    if (delimiter.test(character.normalize("NFKC"))) return true;
  }
  return false;
}

function asciiDomain(domain: string): string {
  if (/[^\p{L}\p{M}\p{N}.-]/u.test(domain)) throw refused("domain");
  const url = URL.parse(`https://${domain}/`);
  const host = url?.hostname ?? "";
  const labels = host.split(".");
  if (labels.length < 2 || !labels.every((label) => domainLabel.test(label))) throw refused("domain");
  if (/^[0-9]+$/.test(labels[labels.length - 1] ?? "")) throw refused("domain");
  if (url?.host !== host || url.pathname !== "/" || url.search !== "" || url.username !== "") throw refused("domain");
  if (/^[a-z0-9.-]+$/.test(domain) && domain !== host) throw refused("domain");
  return host;
}

const messages = {
  length: "The address is too long.",
  hidden_character: "The address holds a character that cannot be seen.",
  look_alike: "The address holds a character that only looks like @ or a dot.",
  shape: "Enter one address, such as ada@example.com.",
  local_part: "The part before the @ holds a character that is not accepted.",
  domain: "The part after the @ is not a domain name.",
} as const;

function refused(reason: keyof typeof messages): SegnoError {
  return invalidFields([{ path: "email", message: messages[reason] }]);
}
