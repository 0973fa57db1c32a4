const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const invalid = 255;
const values: Uint8Array = new Uint8Array(128).fill(invalid);
for (let index = 0; index < alphabet.length; index += 1) values[alphabet.charCodeAt(index)] = index;

/**
 * Bytes as unpadded base64url (RFC 4648 section 5).
 * @example
 * encodeBase64Url(new Uint8Array([255, 239])); // "_-8"
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const chunk = (at(bytes, index) << 16) | (at(bytes, index + 1) << 8) | at(bytes, index + 2);
    text += alphabet.charAt(chunk >> 18) + alphabet.charAt((chunk >> 12) & 63);
    if (left > 1) text += alphabet.charAt((chunk >> 6) & 63);
    if (left > 2) text += alphabet.charAt(chunk & 63);
  }
  return text;
}

/**
 * The bytes of a base64url text, if it is the one canonical spelling: no padding, no white space, no foreign
 * character, and no stray bits after the last byte. Several spellings of one value let a deny-list be walked around.
 * @throws TypeError for every other spelling
 * @example
 * decodeBase64Url("_-8"); // Uint8Array [255, 239]
 */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const rest = text.length & 3;
  if (rest === 1) throw new TypeError("Not base64url: impossible length.");
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let written = 0;
  for (let index = 0; index < text.length; index += 1) {
    const value = values[text.charCodeAt(index)] ?? invalid;
    if (value === invalid) throw new TypeError("Not base64url: foreign character.");
    held = ((held << 6) | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written] = (held >> bits) & 255;
      written += 1;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw new TypeError("Not canonical base64url: stray trailing bits.");
  return bytes;
}

/** Random bytes from the platform's generator, as base64url. Not exported from the package. */
export function randomBase64Url(byteLength: number): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(byteLength)));
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
