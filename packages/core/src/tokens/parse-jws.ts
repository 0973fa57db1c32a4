import { decodeBase64Url } from "../base64url.js";
import { SegnoError } from "../errors.js";
import { type JsonObject, parseJsonObject } from "./strict-json.js";

/** A compact JWS taken apart. Nothing in it is proven yet. */
export interface ParsedJws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** What the signature covers: `header.payload`, exactly as received. */
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/** The longest compact JWS that is looked at, in characters. */
export const maxJwsLength = 8192;

const kidPattern = /^[A-Za-z0-9._~=+:@-]{1,128}$/;

/**
 * The strict front before any cryptography: exactly one spelling of a JWS gets through.
 *
 * Refused: anything but three non-empty parts of canonical unpadded base64url; more than 8192 characters; headers and
 * payloads that are not UTF-8 JSON objects, that repeat a member name or name one `__proto__`; every `crit` (no
 * extension is understood here), `zip` and `b64`; a `kid` outside `[A-Za-z0-9._~=+:@-]{1,128}`.
 * Not checked: signature, algorithm, type, any claim.
 * RFC 7515 section 5.2, RFC 8725.
 * @throws SegnoError `token_malformed`
 */
export function parseJws(token: unknown): ParsedJws {
  if (typeof token !== "string") throw malformed("not_a_string");
  if (token.length > maxJwsLength) throw malformed("too_long");
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  if (first <= 0 || second <= first + 1 || second === token.length - 1 || token.indexOf(".", second + 1) !== -1) {
    throw malformed("not_three_parts");
  }
  const header = parsePart(token.slice(0, first), "header");
  checkHeader(header);
  return {
    header,
    payload: parsePart(token.slice(first + 1, second), "payload"),
    signingInput: token.slice(0, second),
    signature: decodePart(token.slice(second + 1), "signature"),
  };
}

function checkHeader(header: JsonObject): void {
  if ("crit" in header) throw malformed("crit");
  if ("zip" in header) throw malformed("zip");
  if ("b64" in header) throw malformed("b64");
  const kid = header["kid"];
  if (kid !== undefined && !(typeof kid === "string" && kidPattern.test(kid))) throw malformed("kid");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parsePart(part: string, name: string): JsonObject {
  const bytes = decodePart(part, name);
  try {
    return parseJsonObject(utf8.decode(bytes));
  } catch (cause) {
    throw malformed(`${name}_json`, cause);
  }
}

function decodePart(part: string, name: string): Uint8Array {
  try {
    return decodeBase64Url(part);
  } catch (cause) {
    throw malformed(`${name}_encoding`, cause);
  }
}

function malformed(reason: string, cause?: unknown): SegnoError {
  return new SegnoError("token_malformed", "The token is not a canonical compact JWS.", { detail: { reason }, cause });
}
