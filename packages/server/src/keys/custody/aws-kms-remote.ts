import { createHash } from "node:crypto";
import type { KeyPurpose, RemoteCustody, RemoteKey } from "../custody.js";
import { readPublicKey, requireBytes, requireSignature, requireText, signatureFromDer } from "./answers.js";
import type { AwsKmsClient } from "./aws-kms.js";
import { callCustody, custodyFault } from "./custody-fault.js";

/** What `awsKmsRemote` takes. */
export interface AwsKmsRemoteOptions {
  /** `new KMS({ region })` of `@aws-sdk/client-kms`. */
  readonly client: AwsKmsClient;
  /** How long KMS keeps a destroyed key before it is gone for good, in days, 7 to 30. Default 7. */
  readonly deletionDays?: number;
}

const custody = "aws-kms";
/** The longest message KMS hashes by itself. */
const maxRawBytes = 4_096;

/**
 * Keeps signing keys in AWS KMS: each signature is one call. Keys are made as `SIGN_VERIFY`, described by their purpose;
 * before its first signature a key's description is read, and it is refused for any other purpose.
 * EdDSA signs at most 4096 bytes, a limit of KMS.
 *
 * Not checked: quotas. KMS answers a limited number of signatures a second for each account and region.
 *
 * @throws every call: SegnoError `key_unavailable`
 * @example
 * const custody = awsKmsRemote({ client: new KMS({ region: "eu-central-1" }) });
 */
export function awsKmsRemote(options: AwsKmsRemoteOptions): RemoteCustody {
  const { client, deletionDays = 7 } = options;
  if (!Number.isInteger(deletionDays) || deletionDays < 7 || deletionDays > 30) {
    throw new TypeError("AWS KMS: `deletionDays` is a whole number from 7 to 30.");
  }
  const proven = new Set<string>();
  const call = <Answer>(verb: string, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> =>
    callCustody({ custody, verb, signal }, work);

  async function requirePurpose({ handle, purpose }: RemoteKey, signal: AbortSignal): Promise<void> {
    const known = `${purpose} ${handle}`;
    if (proven.has(known)) return;
    const { KeyMetadata } = await call("describe a key", signal, () =>
      client.describeKey({ KeyId: handle }, { abortSignal: signal }),
    );
    if (KeyMetadata?.KeyState !== "Enabled") throw custodyFault(custody, "this key is not enabled, or was destroyed.");
    const isFit =
      KeyMetadata.Description === describe(purpose) &&
      KeyMetadata.KeyUsage === "SIGN_VERIFY" &&
      KeyMetadata.Arn === handle;
    if (!isFit) throw custodyFault(custody, "this key was made for another purpose or by another custody.");
    proven.add(known);
  }

  return {
    mode: "remote",
    name: custody,
    async generate({ purpose, algorithm }, signal) {
      const { KeyMetadata } = await call("make a key", signal, () =>
        client.createKey(
          {
            KeySpec: algorithm === "ES256" ? "ECC_NIST_P256" : "ECC_NIST_EDWARDS25519",
            KeyUsage: "SIGN_VERIFY",
            Description: describe(purpose),
            Tags: [{ TagKey: "segno:purpose", TagValue: purpose }],
          },
          { abortSignal: signal },
        ),
      );
      const handle = requireText(custody, "the name of its key", KeyMetadata?.Arn);
      const { PublicKey } = await call("read a public key", signal, () =>
        client.getPublicKey({ KeyId: handle }, { abortSignal: signal }),
      );
      return {
        handle,
        publicJwk: readPublicKey(custody, algorithm, requireBytes(custody, "a public key", PublicKey)),
      };
    },
    async sign(input, key, signal) {
      await requirePurpose(key, signal);
      const isEcdsa = key.algorithm === "ES256";
      const isDigest = isEcdsa && input.length > maxRawBytes;
      const { Signature } = await call("sign", signal, () =>
        client.sign(
          {
            KeyId: key.handle,
            Message: isDigest ? createHash("sha256").update(input).digest() : input,
            MessageType: isDigest ? "DIGEST" : "RAW",
            SigningAlgorithm: isEcdsa ? "ECDSA_SHA_256" : "ED25519_SHA_512",
          },
          { abortSignal: signal },
        ),
      );
      return isEcdsa ? signatureFromDer(custody, Signature) : requireSignature(custody, Signature);
    },
    async destroy(key, signal) {
      await requirePurpose(key, signal);
      proven.delete(`${key.purpose} ${key.handle}`);
      await call("destroy a key", signal, () =>
        client.scheduleKeyDeletion(
          { KeyId: key.handle.slice(key.handle.lastIndexOf("/") + 1), PendingWindowInDays: deletionDays },
          { abortSignal: signal },
        ),
      );
    },
    async check(signal) {
      await call("check", signal, () => reach(client, signal));
    },
  };
}

/** Asks for a key that cannot be: KMS answering that there is none is an answer. Costs nothing and makes nothing. */
async function reach(client: AwsKmsClient, signal: AbortSignal): Promise<void> {
  try {
    await client.describeKey({ KeyId: "00000000-0000-0000-0000-000000000000" }, { abortSignal: signal });
  } catch (error) {
    if (!(error instanceof Error && error.name === "NotFoundException")) throw error;
  }
}

function describe(purpose: KeyPurpose): string {
  return `Segno signing key: ${purpose}`;
}
