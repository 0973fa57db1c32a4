import { backend } from "#crypto";
import { decodeBase64Url } from "../base64url.js";
import { SegnoError } from "../errors.js";
import { type JsonObject, parseJsonObject } from "./strict-json.js";

/** A compact JWS cut into its three texts. */
export interface JwsParts {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  /** What the signature covers: `header.payload`, exactly as received. */
  readonly signingInput: string;
}

/** A compact JWS taken apart. Nothing in it is proven yet. */
export interface ParsedJws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
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
  const parts = splitJws(token);
  return {
    header: parseJwsHeader(parts.header),
    payload: parseJwsPayload(parts.payload),
    signingInput: parts.signingInput,
    signature: decodeJwsSignature(parts.signature),
  };
}

/** First step of `parseJws`: length and number of parts. */
export function splitJws(token: unknown, maxLength: number = maxJwsLength): JwsParts {
  if (typeof token !== "string") throw malformed("not_a_string");
  if (token.length > maxLength) throw malformed("too_long");
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  if (first <= 0 || second <= first + 1 || second === token.length - 1 || token.indexOf(".", second + 1) !== -1) {
    throw malformed("not_three_parts");
  }
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, second),
    signature: token.slice(second + 1),
    signingInput: token.slice(0, second),
  };
}

/** Second step of `parseJws`: the header and what no header may hold. */
export function parseJwsHeader(part: string): JsonObject {
  const header = parsePart(part, "header");
  if ("crit" in header) throw malformed("crit");
  if ("zip" in header) throw malformed("zip");
  if ("b64" in header) throw malformed("b64");
  const kid = header["kid"];
  if (kid !== undefined && !(typeof kid === "string" && kidPattern.test(kid))) throw malformed("kid");
  return header;
}

/** Third step of `parseJws`: the payload. */
export function parseJwsPayload(part: string): JsonObject {
  return parsePart(part, "payload");
}

/** Fourth step of `parseJws`: the signature's bytes. */
export function decodeJwsSignature(part: string): Uint8Array {
  try {
    return decodeBase64Url(part);
  } catch (cause) {
    throw malformed("signature_encoding", cause);
  }
}

function parsePart(part: string, name: string): JsonObject {
  let text: string;
  try {
    text = backend.decodeText(part);
  } catch (cause) {
    throw malformed(`${name}_encoding`, cause);
  }
  try {
    return parseJsonObject(text);
  } catch (cause) {
    throw malformed(`${name}_json`, cause);
  }
}

function malformed(reason: string, cause?: unknown): SegnoError {
  return new SegnoError("token_malformed", "The token is not a canonical compact JWS.", { detail: { reason }, cause });
}
