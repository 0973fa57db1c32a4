import { type ProofInput, wallMs } from "../ports.js";
import type { ProofKeyStore } from "./key-store.js";

/** Makes proofs of possession (RFC 9449 section 4.2) and remembers the nonce each origin asked for (section 8). */
export interface Prover {
  prove(input: ProofInput): Promise<string>;
  /** Keeps the nonce of an answer. True when the answer refused a proof for want of it: send once more. */
  learn(url: string, response: Response): boolean;
}

/**
 * The signing code is loaded with the first proof: pages that use bearer tokens never download it.
 * @param name where the browser keeps the key, when `keys` is not given
 */
export function createProver(name: string, keys?: ProofKeyStore): Prover {
  const nonces = new Map<string, string>();
  return {
    async prove(input) {
      const { createProofKeyStore, prove } = await import("./prove.js");
      keys ??= createProofKeyStore(name);
      const nonce = nonces.get(new URL(input.url).origin);
      const nowSeconds = Math.floor(wallMs() / 1000);
      return await prove(keys, { ...input, nowSeconds, ...(nonce === undefined ? {} : { nonce }) });
    },
    learn(url, response) {
      const nonce = response.headers.get("dpop-nonce");
      if (nonce === null) return false;
      const { origin } = new URL(url);
      const isNew = nonces.get(origin) !== nonce;
      nonces.set(origin, nonce);
      // A resource server says use_dpop_nonce in the challenge; the token endpoint answers 400 with it in the body.
      const isAsked = response.headers.get("www-authenticate")?.includes("use_dpop_nonce") ?? false;
      return isNew && (isAsked || response.status === 400);
    },
  };
}
