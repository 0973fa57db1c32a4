/** What we use of `KeyManagementServiceClient` of `@google-cloud/kms`. Region, credentials and retries are its own. */
export interface GoogleKmsClient {
  /** Encrypts by the primary version. */
  encrypt(request: {
    name: string;
    plaintext: Uint8Array;
    additionalAuthenticatedData: Uint8Array;
  }): Promise<readonly [{ ciphertext?: GoogleBytes; name?: string | null }, ...unknown[]]>;
  /** Decrypts by whichever version encrypted. */
  decrypt(request: {
    name: string;
    ciphertext: Uint8Array;
    additionalAuthenticatedData: Uint8Array;
  }): Promise<readonly [{ plaintext?: GoogleBytes }, ...unknown[]]>;
  /** Reads which version is the primary one. */
  getCryptoKey(request: {
    name: string;
  }): Promise<readonly [{ primary?: { name?: string | null } | null }, ...unknown[]]>;
  /** Makes a key with its first version. */
  createCryptoKey(request: {
    parent: string;
    cryptoKeyId: string;
    cryptoKey: {
      purpose: "ASYMMETRIC_SIGN";
      labels: Record<string, string>;
      versionTemplate: {
        algorithm: "EC_SIGN_P256_SHA256" | "EC_SIGN_ED25519";
        protectionLevel: "HSM" | "SOFTWARE";
      };
    };
  }): Promise<readonly [{ name?: string | null }, ...unknown[]]>;
  /** The public half as PEM. */
  getPublicKey(request: { name: string }): Promise<readonly [{ pem?: string | null }, ...unknown[]]>;
  /** Signs a digest (ECDSA, DER) or a message (Ed25519). */
  asymmetricSign(
    request: { name: string; digest: { sha256: Uint8Array } } | { name: string; data: Uint8Array },
  ): Promise<readonly [{ signature?: GoogleBytes; name?: string | null }, ...unknown[]]>;
  /** Schedules the end of a version. */
  destroyCryptoKeyVersion(request: { name: string }): Promise<unknown>;
  /** Reads the key ring. */
  getKeyRing(request: { name: string }): Promise<unknown>;
}

/** Bytes in its answers; text is base64, as its REST fallback gives them. */
export type GoogleBytes = Uint8Array | string | null;
