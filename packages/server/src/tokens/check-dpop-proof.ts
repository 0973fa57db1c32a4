import { createHash } from "node:crypto";
import { SegnoError, verifyDpopProof } from "@segno/core";
import type { Incoming } from "../http/index.js";
import type { Engine } from "../engine.js";

/** How much longer than needed a proof is remembered: a clock set back by less meets it again. */
const keepLongerMs = 2 * 3_600_000;

/** The access token a proof must be about, and the key it must be by. */
export interface ProofBinding {
  readonly accessToken: string;
  readonly expectedJkt: string;
}

export interface PresentedProof extends Partial<ProofBinding> {
  readonly proof: string;
  readonly method: string;
  /** The request's URL; its origin is replaced by the configured one, which is what clients sign. */
  readonly url: string;
}

/**
 * Checks a DPoP proof and spends it: one use per key and `jti`, in the store, on every node.
 * Call it outside a transaction.
 * @returns the thumbprint of the key that signed
 * @throws SegnoError `invalid_dpop_proof`, `store_unavailable`
 */
export async function checkDpopProof(engine: Engine, presented: PresentedProof): Promise<string> {
  const { jkt } = await verifyDpopProof({
    proof: presented.proof,
    method: presented.method,
    url: externalUrl(engine, presented.url),
    accessToken: presented.accessToken,
    expectedJkt: presented.expectedJkt,
    nowSeconds: engine.clock.nowMs() / 1000,
    isReplay: async (use) => {
      const digest = createHash("sha256")
        .update(JSON.stringify([use.jkt, use.jti]))
        .digest("base64url");
      return !(await engine.firstUse(`dpop:${digest}`, use.expiresAtSeconds * 1000 + keepLongerMs));
    },
  });
  return jkt;
}

/**
 * The key thumbprint of a request's `DPoP` header; undefined when there is none.
 * @throws SegnoError `invalid_dpop_proof`
 */
export async function checkDpopHeader(
  engine: Engine,
  request: Incoming,
  binding?: ProofBinding,
): Promise<string | undefined> {
  const proof = request.headers.get("dpop");
  if (proof === null) return undefined;
  return await checkDpopProof(engine, { proof, method: request.method, url: request.url, ...binding });
}

function externalUrl(engine: Engine, url: string): string {
  try {
    const { pathname } = new URL(url, engine.config.origin);
    return `${engine.config.origin}${pathname}`;
  } catch (cause) {
    throw new SegnoError("invalid_dpop_proof", "The request's URL cannot be read.", { cause });
  }
}
