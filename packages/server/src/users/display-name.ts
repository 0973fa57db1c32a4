import * as v from "valibot";

/** Controls, line breaks, bidi overrides and isolates, unassigned and private-use characters. Joiners stay: scripts and emoji need them. */
const unwanted = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u;

/** What a person wants to be called: 1 to 80 characters of text in NFC. */
export const displayNameSchema: v.GenericSchema<string, string> = v.pipe(
  v.string(),
  v.maxLength(400),
  v.transform((text) => text.normalize("NFC").trim()),
  v.minLength(1, "Enter a name."),
  v.check((text) => [...text].length <= 80, "Use at most 80 characters."),
  v.check((text) => !unwanted.test(text), "Use letters, digits and blanks only."),
);
