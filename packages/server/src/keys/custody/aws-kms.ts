/** What we use of the `KMS` class of `@aws-sdk/client-kms`. Region, credentials and retries are its own. */
export interface AwsKmsClient {
  /** Encrypt, with an encryption context. */
  encrypt(
    input: { KeyId: string; Plaintext: Uint8Array; EncryptionContext: Record<string, string> },
    options: AwsCallOptions,
  ): Promise<{ CiphertextBlob?: Uint8Array | undefined; KeyId?: string | undefined }>;
  /** Decrypt, by one key and with the same context. */
  decrypt(
    input: { KeyId: string; CiphertextBlob: Uint8Array; EncryptionContext: Record<string, string> },
    options: AwsCallOptions,
  ): Promise<{ Plaintext?: Uint8Array | undefined }>;
  /** DescribeKey. */
  describeKey(input: { KeyId: string }, options: AwsCallOptions): Promise<{ KeyMetadata?: AwsKeyMetadata | undefined }>;
  /** CreateKey. */
  createKey(
    input: {
      KeySpec: "ECC_NIST_P256" | "ECC_NIST_EDWARDS25519";
      KeyUsage: "SIGN_VERIFY";
      Description: string;
      Tags: { TagKey: string; TagValue: string }[];
    },
    options: AwsCallOptions,
  ): Promise<{ KeyMetadata?: AwsKeyMetadata | undefined }>;
  /** GetPublicKey: DER. */
  getPublicKey(input: { KeyId: string }, options: AwsCallOptions): Promise<{ PublicKey?: Uint8Array | undefined }>;
  /** Sign: DER for ECDSA. */
  sign(
    input: {
      KeyId: string;
      Message: Uint8Array;
      MessageType: "RAW" | "DIGEST";
      SigningAlgorithm: "ECDSA_SHA_256" | "ED25519_SHA_512";
    },
    options: AwsCallOptions,
  ): Promise<{ Signature?: Uint8Array | undefined }>;
  /** ScheduleKeyDeletion. */
  scheduleKeyDeletion(input: { KeyId: string; PendingWindowInDays: number }, options: AwsCallOptions): Promise<unknown>;
}

/** Passed with every call. */
export interface AwsCallOptions {
  readonly abortSignal: AbortSignal;
}

/** What KMS tells of a key. */
export interface AwsKeyMetadata {
  readonly Arn?: string | undefined;
  readonly Description?: string | undefined;
  readonly KeyUsage?: string | undefined;
  readonly KeyState?: string | undefined;
}
