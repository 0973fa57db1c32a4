import { createDpopProof } from "@segno/core";
import type { ProofInput } from "../ports.js";
import type { ProofKeyStore } from "./key-store.js";

/** Signs one proof with the key of `keys`. Loaded only by clients that bind their tokens. */
export async function prove(keys: ProofKeyStore, input: ProofInput & { readonly nowSeconds: number }): Promise<string> {
  return await createDpopProof({ ...input, ...(await keys.load()) });
}

export { createProofKeyStore } from "./key-store.js";
