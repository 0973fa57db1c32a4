import { backend } from "#crypto";
import type { BackendKey } from "../crypto/backend.js";
import { SegnoError } from "../errors.js";
import { algorithmRow, type AlgorithmRow, rowsForKey } from "../tokens/algorithms.js";
import { hasPrivateMaterial, type PublicJwk } from "../tokens/jwk.js";
import { type ParsedJws, parseJws } from "../tokens/parse-jws.js";
import type { JsonObject } from "../tokens/strict-json.js";
import { jwkThumbprint } from "./key.js";
import { normaliseHtu } from "./normalise-htu.js";

/** What a replay check is told about a proof. */
export interface DpopProofUse {
  readonly jkt: string;
  readonly jti: string;
  /** When this proof stops being accepted by itself, seconds since the epoch: remember it until then. */
  readonly expiresAtSeconds: number;
}

/** What `verifyDpopProof` needs. */
export interface DpopVerification {
  /** The value of the one `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** The absolute URL the request was made to, as the outside sees it. */
  readonly url: string;
  /** The access token presented along with it: makes `ath` and `expectedJkt` mandatory. */
  readonly accessToken?: string | undefined;
  /** The thumbprint the key must have: `cnf.jkt` of the access token, or that of the refresh token family. */
  readonly expectedJkt?: string | undefined;
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** How old a proof may be, in seconds. Default 60. */
  readonly maxAgeSeconds?: number;
  /** How far the client's clock may run ahead, in seconds. Default 10. */
  readonly clockToleranceSeconds?: number;
  /** When given, a nonce is mandatory and anything but `true` asks for a new one. */
  readonly isNonceValid?: (nonce: string) => boolean | Promise<boolean>;
  /** Records this use and answers whether it was there before. Anything but `false` refuses. Asked last. */
  readonly isReplay?: (use: DpopProofUse) => boolean | Promise<boolean>;
}

/** A proof that held. */
export interface VerifiedDpopProof {
  /** Thumbprint of the key that signed. */
  readonly jkt: string;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
}

/**
 * Checks a DPoP proof against the request it came with (RFC 9449 section 4.3).
 *
 * Not checked: the access token itself, that there was exactly one `DPoP` header, and replay unless `isReplay` is given.
 * @throws SegnoError `invalid_dpop_proof`, `use_dpop_nonce`; `store_unavailable` when a callback throws
 * @example
 * const { jkt } = await verifyDpopProof({ proof, method: "POST", url: "https://app.example.com/oauth2/token", nowSeconds });
 */
export async function verifyDpopProof(input: DpopVerification): Promise<VerifiedDpopProof> {
  const parsed = parseProof(input.proof);
  const { row, jwk } = checkHeader(parsed.header);
  const proofKey = await importProofKey(jwk, row);
  const { key, jkt } = proofKey;
  if (row.signatureBytes !== undefined && parsed.signature.length !== row.signatureBytes) throw invalid("signature");
  const isGood =
    backend.verifySync === undefined
      ? await backend.verify(key, parsed.signingInput, parsed.signature)
      : backend.verifySync(key, parsed.signingInput, parsed.signature);
  if (!isGood) throw invalid("signature");
  rememberKey(proofKey);
  const { jti, iat } = checkClaims(parsed.payload, input);
  await checkBinding(parsed.payload, jkt, input);
  await checkNonce(parsed.payload, input);
  await checkReplay({ jkt, jti, expiresAtSeconds: iat + maxAge(input) + tolerance(input) }, input);
  return { jkt, jti, iat };
}

function parseProof(proof: string): ParsedJws {
  try {
    return parseJws(proof);
  } catch (cause) {
    throw invalid("malformed", cause);
  }
}

function checkHeader(header: JsonObject): { row: AlgorithmRow; jwk: PublicJwk } {
  if (header["typ"] !== "dpop+jwt") throw invalid("typ");
  const row = algorithmRow(header["alg"]);
  if (row === undefined || row.kty === "RSA") throw invalid("alg");
  const jwk = header["jwk"];
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) throw invalid("jwk");
  if (hasPrivateMaterial(jwk)) throw invalid("jwk_private");
  if (!rowsForKey(jwk as PublicJwk).includes(row)) throw invalid("jwk_type");
  return { row, jwk: jwk as PublicJwk };
}

interface ProofKey {
  /** Everything the key is made of: two keys never share it. */
  readonly name: string;
  readonly key: BackendKey;
  readonly jkt: string;
}

/** A client uses one key for many proofs, and importing it costs more than checking a signature. */
const proofKeys: Map<string, ProofKey> = /* @__PURE__ */ new Map();
const maxProofKeys = 1000;

async function importProofKey(jwk: PublicJwk, row: AlgorithmRow): Promise<ProofKey> {
  const name = JSON.stringify([row.alg, jwk.kty, jwk.crv, jwk.x, jwk.y]);
  const known = proofKeys.get(name);
  if (known !== undefined) return known;
  try {
    return { name, key: await backend.importPublicKey(jwk, row), jkt: await jwkThumbprint(jwk) };
  } catch (cause) {
    throw invalid("jwk_invalid", cause);
  }
}

/** Only keys that signed something get here, so that garbage cannot push out the keys in use. */
function rememberKey(proofKey: ProofKey): void {
  if (proofKeys.has(proofKey.name)) return;
  if (proofKeys.size >= maxProofKeys) {
    for (const oldest of proofKeys.keys()) {
      proofKeys.delete(oldest);
      break;
    }
  }
  proofKeys.set(proofKey.name, proofKey);
}

function checkClaims(payload: JsonObject, input: DpopVerification): { jti: string; iat: number } {
  const { jti, iat, htm, htu } = payload;
  if (typeof jti !== "string" || jti === "" || jti.length > 256) throw invalid("jti");
  if (htm !== input.method) throw invalid("htm");
  if (typeof htu !== "string" || htu.includes("?") || htu.includes("#")) throw invalid("htu");
  const wanted = normaliseHtu(input.url);
  if (wanted === undefined || normaliseHtu(htu) !== wanted) throw invalid("htu");
  if (typeof iat !== "number" || !Number.isFinite(iat)) throw invalid("iat");
  if (iat > input.nowSeconds + tolerance(input)) throw invalid("iat_future");
  if (!(input.nowSeconds - iat <= maxAge(input) + tolerance(input))) throw invalid("iat_old");
  return { jti, iat };
}

async function checkBinding(payload: JsonObject, jkt: string, input: DpopVerification): Promise<void> {
  if (input.expectedJkt !== undefined && input.expectedJkt !== jkt) throw invalid("jkt");
  if (input.accessToken === undefined) return;
  if (input.expectedJkt === undefined) throw invalid("token_not_bound");
  if (payload["ath"] !== (await backend.sha256(input.accessToken))) throw invalid("ath");
}

async function checkNonce(payload: JsonObject, input: DpopVerification): Promise<void> {
  if (input.isNonceValid === undefined) return;
  const nonce = payload["nonce"];
  if (typeof nonce !== "string" || nonce === "") throw new SegnoError("use_dpop_nonce");
  const isValid = input.isNonceValid;
  if ((await ask(async () => isValid(nonce))) !== true) throw new SegnoError("use_dpop_nonce");
}

async function checkReplay(use: DpopProofUse, input: DpopVerification): Promise<void> {
  if (input.isReplay === undefined) return;
  const isReplay = input.isReplay;
  if ((await ask(async () => isReplay(use))) !== false) throw invalid("replay");
}

async function ask(question: () => Promise<boolean>): Promise<boolean> {
  try {
    return await question();
  } catch (cause) {
    throw new SegnoError("store_unavailable", "The proof could not be checked against the store.", { cause });
  }
}

function maxAge(input: DpopVerification): number {
  return input.maxAgeSeconds ?? 60;
}

function tolerance(input: DpopVerification): number {
  return input.clockToleranceSeconds ?? 10;
}

function invalid(reason: string, cause?: unknown): SegnoError {
  return new SegnoError("invalid_dpop_proof", "The DPoP proof was refused.", { detail: { reason }, cause });
}
