import { type ProofInput, wallMs } from "../ports.js";
import type { ProofKeyStore } from "./key-store.js";

/** Makes proofs of possession (RFC 9449 section 4.2) and remembers the nonce each origin asked for (section 8). */
export interface Prover {
  prove(input: ProofInput): Promise<string>;
  /** Keeps the nonce of an answer. True when the answer refused a proof for want of it: send once more. */
  learn(url: string, response: Response): boolean;
  /**
   * As `learn`, for an answer of the service: where it refused a proof and its `Date` says that this machine's clock is
   * wrong, proofs are corrected from now on. True also then.
   */
  learnFromService(url: string, response: Response): boolean;
  /** The service's clock showed `serviceMs` when the wall clock here showed `atWallMs`. Moves the time of proofs only. */
  setTime(serviceMs: number, atWallMs?: number): void;
}

/** A refused proof this close to the service's time was refused for another reason. */
const leastSkewMs = 5_000;

/**
 * The signing code is loaded with the first proof: pages that use bearer tokens never download it.
 * @param name where the browser keeps the key, when `keys` is not given
 */
export function createProver(name: string, keys?: ProofKeyStore): Prover {
  const nonces = new Map<string, string>();
  let skewMs = 0;

  const setTime = (serviceMs: number, atWallMs = wallMs()) => {
    skewMs = serviceMs - atWallMs;
  };
  const learn = (url: string, response: Response): boolean => {
    const nonce = response.headers.get("dpop-nonce");
    if (nonce === null) return false;
    const { origin } = new URL(url);
    const isNew = nonces.get(origin) !== nonce;
    nonces.set(origin, nonce);
    // A resource server says use_dpop_nonce in the challenge; the token endpoint answers 400 with it in the body.
    return isNew && (challenges(response, "use_dpop_nonce") || response.status === 400);
  };
  return {
    async prove(input) {
      const { createProofKeyStore, prove } = await import("./prove.js");
      keys ??= createProofKeyStore(name);
      const nonce = nonces.get(new URL(input.url).origin);
      const nowSeconds = Math.floor((wallMs() + skewMs) / 1000);
      return await prove(keys, { ...input, nowSeconds, ...(nonce === undefined ? {} : { nonce }) });
    },
    learn,
    learnFromService(url, response) {
      const isAsked = learn(url, response);
      const serviceMs = Date.parse(response.headers.get("date") ?? "");
      const isWrong =
        challenges(response, "invalid_dpop_proof") && Math.abs(serviceMs - wallMs() - skewMs) > leastSkewMs;
      if (isWrong) setTime(serviceMs);
      return isAsked || isWrong;
    },
    setTime,
  };
}

/** Whether an answer refuses a proof, and why (RFC 9449 section 7.1). */
export function challenges(response: Response, code: string): boolean {
  return response.headers.get("www-authenticate")?.includes(`"${code}"`) ?? false;
}
