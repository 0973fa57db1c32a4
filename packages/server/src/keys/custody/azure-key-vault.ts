/** What we use of `KeyClient` of `@azure/keyvault-keys`. Vault address, credentials and retries are its own. */
export interface AzureKeyClient {
  /** The newest version of a key. */
  getKey(name: string, options: AzureCallOptions): Promise<AzureKey>;
  /** Makes a key on a curve. */
  createEcKey(
    name: string,
    options: {
      curve: "P-256";
      hsm: boolean;
      exportable: false;
      keyOps: ("sign" | "verify")[];
      tags: Record<string, string>;
      abortSignal: AbortSignal;
    },
  ): Promise<AzureKey>;
  /** Starts to delete a key with all its versions. */
  beginDeleteKey(name: string, options: AzureCallOptions): Promise<unknown>;
  /** What works with one version of a key. */
  getCryptographyClient(name: string, options: { keyVersion: string }): AzureCryptographyClient;
}

/** What we use of its `CryptographyClient`. */
export interface AzureCryptographyClient {
  /** Wraps by the public half. */
  wrapKey(
    algorithm: "RSA-OAEP-256",
    key: Uint8Array,
    options: AzureCallOptions,
  ): Promise<{ result: Uint8Array; keyID?: string | undefined }>;
  /** Unwraps by the private half. */
  unwrapKey(
    algorithm: "RSA-OAEP-256",
    encryptedKey: Uint8Array,
    options: AzureCallOptions,
  ): Promise<{ result: Uint8Array }>;
  /** Signs a digest: r and s. */
  sign(algorithm: "ES256", digest: Uint8Array, options: AzureCallOptions): Promise<{ result: Uint8Array }>;
}

/** Passed with every call. */
export interface AzureCallOptions {
  readonly abortSignal: AbortSignal;
}

/** What Key Vault tells of a key. */
export interface AzureKey {
  readonly name: string;
  readonly key?:
    | { kty?: string | undefined; crv?: string | undefined; x?: Uint8Array | undefined; y?: Uint8Array | undefined }
    | undefined;
  readonly properties: {
    readonly version?: string | undefined;
    readonly exportable?: boolean | undefined;
    readonly enabled?: boolean | undefined;
  };
}
