/** What we use of `KeyManagementServiceClient` of `@google-cloud/kms`. Region, credentials and retries are its own. */
export interface GoogleKmsClient {
  encrypt(request: {
    name: string;
    plaintext: Uint8Array;
    additionalAuthenticatedData: Uint8Array;
  }): Promise<readonly [{ ciphertext?: GoogleBytes; name?: string | null }, ...unknown[]]>;
  decrypt(request: {
    name: string;
    ciphertext: Uint8Array;
    additionalAuthenticatedData: Uint8Array;
  }): Promise<readonly [{ plaintext?: GoogleBytes }, ...unknown[]]>;
  getCryptoKey(request: {
    name: string;
  }): Promise<readonly [{ primary?: { name?: string | null } | null }, ...unknown[]]>;
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
  getPublicKey(request: { name: string }): Promise<readonly [{ pem?: string | null }, ...unknown[]]>;
  asymmetricSign(
    request: { name: string; digest: { sha256: Uint8Array } } | { name: string; data: Uint8Array },
  ): Promise<readonly [{ signature?: GoogleBytes; name?: string | null }, ...unknown[]]>;
  destroyCryptoKeyVersion(request: { name: string }): Promise<unknown>;
  getKeyRing(request: { name: string }): Promise<unknown>;
}

/** Bytes in its answers; text is base64, as its REST fallback gives them. */
export type GoogleBytes = Uint8Array | string | null;
