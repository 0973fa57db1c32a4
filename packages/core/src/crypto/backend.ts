import type { AlgorithmRow } from "../tokens/algorithms.js";
import type { PublicJwk } from "../tokens/jwk.js";

/** A public key in the form the backend works with. Opaque to everybody else. */
export interface BackendKey {
  readonly row: AlgorithmRow;
  readonly handle: unknown;
}

/** What the two crypto implementations offer. `#crypto` resolves to one of them, by export condition. */
export interface CryptoBackend {
  readonly name: "node" | "web";
  /** @throws TypeError or the platform's own error when the key is malformed or off its curve */
  importPublicKey(jwk: PublicJwk, row: AlgorithmRow): BackendKey | Promise<BackendKey>;
  /** Present where a signature can be checked without waiting. */
  readonly verifySync: ((key: BackendKey, signingInput: string, signature: Uint8Array) => boolean) | undefined;
  /** Checks without holding up the caller, so that several can run at once. */
  verify(key: BackendKey, signingInput: string, signature: Uint8Array): Promise<boolean>;
  /**
   * The UTF-8 text behind a canonical base64url spelling.
   * @throws TypeError for any other spelling and for bytes that are not UTF-8
   */
  decodeText(base64url: string): string;
  /** SHA-256 of an ASCII text as base64url. Present where it needs no waiting. */
  readonly sha256Sync: ((text: string) => string) | undefined;
  sha256(text: string): Promise<string>;
}
