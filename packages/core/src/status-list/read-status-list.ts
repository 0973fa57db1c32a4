import { backend } from "#crypto";
import { decodeBase64Url } from "../base64url.js";
import type { AlgorithmRow } from "../tokens/algorithms.js";
import type { KeySet } from "../tokens/key-set.js";
import { decodeJwsSignature, parseJwsHeader, parseJwsPayload, splitJws } from "../tokens/parse-jws.js";
import type { JsonObject } from "../tokens/strict-json.js";

/** A status list that holds: what it says of each place. */
export interface StatusBits {
  /** Bits for each place: 1, 2, 4 or 8. */
  readonly width: number;
  readonly bytes: Uint8Array;
  /** When its issuer made it, seconds since the epoch. */
  readonly issuedAt: number;
  /** Until when its issuer stands by it, seconds since the epoch. */
  readonly expiresAt: number;
  /** Keys that its issuer has taken back: a claim of Segno's own. */
  readonly withdrawnKids: ReadonlySet<string>;
}

/** What a status list is held against. */
export interface StatusListExpectations {
  readonly uri: string;
  readonly issuer: string;
  readonly keys: KeySet;
  readonly allowed: ReadonlyMap<string, AlgorithmRow>;
  readonly nowSeconds: number;
  readonly toleranceSeconds: number;
  /** Longest token in characters. */
  readonly maxLength: number;
  /** Longest list in bytes, once it is inflated. */
  readonly maxListBytes: number;
}

/**
 * Checks a status list token and inflates its list (draft-ietf-oauth-status-list sections 4, 5.1 and 8.3): signature by
 * a key of the set, `typ`, `iss`, `sub` the address it was asked for at, `iat`, `exp`, one of the four widths, and a
 * zlib stream of bounded size.
 * @throws TypeError or SegnoError saying what does not hold
 */
export async function readStatusList(token: string, expect: StatusListExpectations): Promise<StatusBits> {
  const parts = splitJws(token, expect.maxLength);
  const header = parseJwsHeader(parts.header);
  const row = typeof header["alg"] === "string" ? expect.allowed.get(header["alg"]) : undefined;
  if (row === undefined) throw new TypeError("The status list is signed by an algorithm that is not allowed.");
  if (header["typ"] !== "statuslist+jwt" && header["typ"] !== "application/statuslist+jwt")
    throw new TypeError("The answer is not a status list.");
  for (const name of ["jwk", "jku", "x5u", "x5c"])
    if (name in header) throw new TypeError("The status list brings its own key.");
  const query = { kid: header["kid"] as string | undefined, alg: row.alg };
  const key = expect.keys.current(query) ?? (await expect.keys.resolve(query));
  const signature = decodeJwsSignature(parts.signature);
  const isRightLength = row.signatureBytes === undefined || row.signatureBytes === signature.length;
  if (key === undefined || !isRightLength) throw new TypeError("The status list is signed by an unknown key.");
  if (!(await backend.verify(key.key, parts.signingInput, signature)))
    throw new TypeError("The status list is not signed by its issuer.");
  return await readClaims(parseJwsPayload(parts.payload), expect);
}

async function readClaims(payload: JsonObject, expect: StatusListExpectations): Promise<StatusBits> {
  const { iss, sub, iat, exp, ttl, withdrawn_kids: kids } = payload;
  const { nowSeconds, toleranceSeconds } = expect;
  if (iss !== expect.issuer) throw new TypeError("The status list is another issuer's.");
  if (sub !== expect.uri) throw new TypeError("The status list is another list.");
  if (!isTime(iat) || !(iat <= nowSeconds + toleranceSeconds))
    throw new TypeError("The status list is from the future.");
  if (!isTime(exp) || !(nowSeconds < exp + toleranceSeconds)) throw new TypeError("The status list has expired.");
  if (ttl !== undefined && !(isTime(ttl) && ttl > 0)) throw new TypeError("The status list has no good ttl.");
  if (kids !== undefined && !(Array.isArray(kids) && kids.every((kid) => typeof kid === "string")))
    throw new TypeError("The status list names keys that are none.");
  const list = payload["status_list"];
  if (typeof list !== "object" || list === null || !("bits" in list) || !("lst" in list))
    throw new TypeError("The status list has no list.");
  const { bits, lst } = list;
  if (bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8) throw new TypeError("The status list has no good width.");
  if (typeof lst !== "string") throw new TypeError("The status list has no list.");
  const bytes = await inflate(decodeBase64Url(lst), expect.maxListBytes);
  return {
    width: bits,
    bytes,
    issuedAt: iat,
    expiresAt: exp,
    withdrawnKids: new Set((kids ?? []) as readonly string[]),
  };
}

/** DEFLATE in the zlib format, as far as the limit: what a few bytes unfold to is the sender's choice. */
async function inflate(deflated: Uint8Array<ArrayBuffer>, maxBytes: number): Promise<Uint8Array> {
  const reader = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.byteLength;
    if (total > maxBytes) {
      await reader.cancel();
      throw new TypeError("The status list is too large.");
    }
    pieces.push(value);
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** The value at one place, counted from the lowest bit of each byte; undefined past the end. 0 is "valid". */
export function statusAt({ width, bytes }: StatusBits, index: number): number | undefined {
  const bit = index * width;
  const byte = bytes[Math.floor(bit / 8)];
  return byte === undefined ? undefined : (byte >> (bit & 7)) & ((1 << width) - 1);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
