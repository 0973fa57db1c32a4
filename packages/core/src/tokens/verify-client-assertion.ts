import { backend } from "#crypto";
import { SegnoError } from "../errors.js";
import { type AlgorithmRow, allowedRows, type SigningAlgorithm } from "./algorithms.js";
import type { KeySet, VerificationKey } from "./key-set.js";
import { type ParsedJws, parseJws } from "./parse-jws.js";
import type { JsonObject } from "./strict-json.js";

/** What a replay check is told about an assertion. */
export interface ClientAssertionUse {
  readonly clientId: string;
  readonly jti: string;
  /** When this assertion stops being accepted by itself, seconds since the epoch: remember it until then. */
  readonly expiresAtSeconds: number;
}

/** What `verifyClientAssertion` needs. */
export interface ClientAssertionVerification {
  readonly assertion: string;
  /** Who must have signed it. */
  readonly clientId: string;
  /** Who it must be for: our own issuer, as the one string in `aud`. */
  readonly issuer: string;
  /** The client's public keys; undefined for a client that is not known. */
  readonly keys: KeySet | undefined;
  /**
   * Keys nobody holds, without a `kid`: checked against when the client or its key is not known, so that this takes as
   * long as a wrong signature.
   */
  readonly standIn?: KeySet;
  /** Default: those of FAPI 2.0 and ES384. A key is only used with an algorithm its type, curve and own `alg` allow. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** How far the client's clock may be apart, in seconds. Default 10. */
  readonly clockToleranceSeconds?: number;
  /** How long an assertion may live, in seconds. Default 300. */
  readonly maxLifeSeconds?: number;
  /** Records this use and answers whether it was there before. Anything but `false` refuses. Asked last. */
  readonly isReplay: (use: ClientAssertionUse) => boolean | Promise<boolean>;
}

const defaultAlgorithms = /* @__PURE__ */ allowedRows(["ES256", "ES384", "EdDSA", "Ed25519", "PS256"]);
const maxIdLength = 256;

/**
 * Which client an assertion claims to come from: `iss`, which must equal `sub`. Nothing is proven yet; it only says whose
 * keys to look for.
 * @throws SegnoError `invalid_client`
 * @example
 * const clientId = readClientAssertion(assertion);
 */
export function readClientAssertion(assertion: string): string {
  const { iss, sub } = parse(assertion).payload;
  if (typeof iss !== "string" || iss === "" || iss.length > maxIdLength) throw refused("iss");
  if (sub !== iss) throw refused("sub");
  return iss;
}

/**
 * Checks a client assertion (`private_key_jwt`: RFC 7523 section 3, OpenID Connect Core section 9) as strictly as an
 * access token: one spelling, an asymmetric algorithm that fits the client's own key, `iss` and `sub` the client, `aud`
 * our issuer and nothing else, `exp` at most five minutes ahead, `iat` not ahead, and a `jti` that was never used.
 *
 * `aud` is the issuer alone and never a list or an endpoint: with several values an assertion made for one server is
 * good at another (the audience injection that OpenID and FAPI servers had in 2025).
 *
 * Not checked: what the client may do.
 * @throws SegnoError `invalid_client`; `key_set_unavailable` when the client's keys cannot be had now;
 * `store_unavailable` when `isReplay` throws
 * @example
 * const clientId = readClientAssertion(assertion);
 * const issuer = "https://app.example.com";
 * await verifyClientAssertion({ assertion, clientId, issuer, keys, nowSeconds, isReplay });
 */
export async function verifyClientAssertion(input: ClientAssertionVerification): Promise<ClientAssertionUse> {
  const parsed = parse(input.assertion);
  const row = checkHeader(
    parsed.header,
    input.algorithms === undefined ? defaultAlgorithms : allowedRows(input.algorithms),
  );
  const { key, isKnown } = await keyFor(input, parsed.header, row);
  const isRightLength = row.signatureBytes === undefined || parsed.signature.length === row.signatureBytes;
  if (key === undefined || !isRightLength) throw refused("key");
  const { signingInput, signature } = parsed;
  const isSigned =
    backend.verifySync === undefined
      ? await backend.verify(key.key, signingInput, signature)
      : backend.verifySync(key.key, signingInput, signature);
  if (!isKnown || !isSigned) throw refused("signature");
  const use = checkClaims(parsed.payload, input);
  if ((await ask(async () => input.isReplay(use))) !== false) throw refused("replay");
  return use;
}

function parse(assertion: string): ParsedJws {
  try {
    return parseJws(assertion);
  } catch (cause) {
    throw refused("malformed", cause);
  }
}

function checkHeader(header: JsonObject, allowed: ReadonlyMap<string, AlgorithmRow>): AlgorithmRow {
  const { alg, typ } = header;
  const row = typeof alg === "string" ? allowed.get(alg) : undefined;
  if (row === undefined) throw refused("alg");
  // RFC 8725 section 3.11: no token of another kind passes for an assertion
  if (typ !== undefined && typ !== "JWT" && typ !== "client-authentication+jwt") throw refused("typ");
  for (const name of ["jwk", "jku", "x5u", "x5c"]) if (name in header) throw refused(name);
  return row;
}

async function keyFor(
  input: ClientAssertionVerification,
  header: JsonObject,
  row: AlgorithmRow,
): Promise<{ readonly key: VerificationKey | undefined; readonly isKnown: boolean }> {
  const query = { kid: header["kid"] as string | undefined, alg: row.alg };
  const key = await input.keys?.resolve(query);
  if (key !== undefined) return { key, isKnown: true };
  return { key: await input.standIn?.resolve({ kid: undefined, alg: row.alg }), isKnown: false };
}

function checkClaims(payload: JsonObject, input: ClientAssertionVerification): ClientAssertionUse {
  const { iss, sub, aud, jti, exp, iat, nbf } = payload;
  const { clientId, nowSeconds, clockToleranceSeconds = 10, maxLifeSeconds = 300 } = input;
  if (iss !== clientId) throw refused("iss");
  if (sub !== clientId) throw refused("sub");
  if (aud !== input.issuer) throw refused("aud");
  if (typeof jti !== "string" || jti === "" || jti.length > maxIdLength) throw refused("jti");
  if (!isTime(exp) || !(nowSeconds < exp + clockToleranceSeconds)) throw refused("exp");
  if (!(exp <= nowSeconds + maxLifeSeconds + clockToleranceSeconds)) throw refused("exp_far");
  if (!isTime(iat) || !(iat <= nowSeconds + clockToleranceSeconds)) throw refused("iat");
  if (!(exp - iat <= maxLifeSeconds)) throw refused("life");
  if (nbf !== undefined && (!isTime(nbf) || !(nbf <= nowSeconds + clockToleranceSeconds))) throw refused("nbf");
  return { clientId, jti, expiresAtSeconds: exp + clockToleranceSeconds };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

async function ask(question: () => Promise<boolean>): Promise<boolean> {
  try {
    return await question();
  } catch (cause) {
    throw new SegnoError("store_unavailable", "The assertion could not be checked against the store.", { cause });
  }
}

function refused(reason: string, cause?: unknown): SegnoError {
  return new SegnoError("invalid_client", "The client assertion was refused.", { detail: { reason }, cause });
}
