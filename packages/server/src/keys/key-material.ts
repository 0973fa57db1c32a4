import { createPrivateKey, type KeyObject } from "node:crypto";
import { jwkThumbprint, type PublicJwk, SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import type { Schema } from "../storage/schema.js";
import { algorithmRow, publicJwkOf, type SigningAlgorithmRow } from "./algorithms.js";

export type KeyRow = Schema["segno_keys"];

/** What the keyring signs. A sealed key opens for its own purpose and kid only. */
export const accessTokenPurpose = "access_token";
const sealPurpose = "keys.private";

/** A private key opened in memory. */
export interface OpenedKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithmRow;
  readonly privateKey: KeyObject;
}

/** Makes a key. The kid is its RFC 7638 thumbprint. */
export async function generateKey(
  parts: Pick<Engine, "config" | "random" | "secrets">,
  state: { readonly nowMs: number; readonly isSigning: boolean },
): Promise<KeyRow> {
  const algorithm = requireAlgorithm(parts.config.keys.algorithm);
  const key = algorithm.generate(parts.random);
  const bare = publicJwkOf(key);
  const kid = await jwkThumbprint(bare);
  const publicJwk: PublicJwk = { ...bare, kid, alg: algorithm.alg, use: "sig" };
  return {
    kid,
    purpose: accessTokenPurpose,
    algorithm: algorithm.alg,
    state: state.isSigning ? "signing" : "published",
    public_jwk: JSON.stringify(publicJwk),
    private_sealed: seal(parts, kid, Buffer.from(JSON.stringify(key.export({ format: "jwk" })))),
    created_at: state.nowMs,
    published_at: state.nowMs,
    signing_at: state.isSigning ? state.nowMs : null,
    verify_only_at: null,
    retired_at: null,
    latest_exp: null,
  };
}

/**
 * Opens a row's private key and holds it against the public one.
 * @throws SegnoError `key_unavailable`
 */
export function openKey(
  parts: Pick<Engine, "secrets">,
  row: Pick<KeyRow, "kid" | "purpose" | "algorithm" | "public_jwk" | "private_sealed">,
): OpenedKey {
  const algorithm = requireAlgorithm(row.algorithm);
  const plain = parts.secrets.open(sealPurpose, row.private_sealed, contextOf(row.kid));
  const privateKey = createPrivateKey({ key: JSON.parse(Buffer.from(plain).toString()), format: "jwk" });
  const published = JSON.parse(row.public_jwk) as PublicJwk;
  const own = publicJwkOf(privateKey);
  if (own["x"] !== published.x || own["y"] !== published.y || row.purpose !== accessTokenPurpose) {
    throw new SegnoError("key_unavailable", "A stored key does not fit its public half.", { detail: { kid: row.kid } });
  }
  return { kid: row.kid, algorithm, privateKey };
}

/**
 * The row's private key sealed by the newest secret, when it is sealed by an older one.
 * @returns undefined when there is nothing to do
 * @throws SegnoError `key_unavailable` when it does not open
 */
export function rewrapKey(
  parts: Pick<Engine, "secrets">,
  row: Pick<KeyRow, "kid" | "private_sealed">,
): string | undefined {
  const version = (sealed: string): string => sealed.slice(0, sealed.indexOf("."));
  if (version(parts.secrets.seal(sealPurpose, new Uint8Array(0), "")) === version(row.private_sealed)) return undefined;
  return seal(parts, row.kid, parts.secrets.open(sealPurpose, row.private_sealed, contextOf(row.kid)));
}

function seal(parts: Pick<Engine, "secrets">, kid: string, privateJwk: Uint8Array): string {
  return parts.secrets.seal(sealPurpose, privateJwk, contextOf(kid));
}

function contextOf(kid: string): string {
  return `${accessTokenPurpose}/${kid}`;
}

function requireAlgorithm(alg: string): SigningAlgorithmRow {
  const row = algorithmRow(alg);
  if (row === undefined)
    throw new SegnoError("key_unavailable", "A stored key names an algorithm that is not known here.");
  return row;
}
