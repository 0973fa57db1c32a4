import type { KeyContext, WrappingCustody } from "../custody.js";
import { bytesFromBase64, requireBytes, requireText } from "./answers.js";
import type { AwsKmsClient } from "./aws-kms.js";
import { callCustody, custodyFault } from "./custody-fault.js";
import { probeContexts } from "./key-binding.js";

/** What `awsKmsWrapped` takes. */
export interface AwsKmsWrappedOptions {
  /** `new KMS({ region })` of `@aws-sdk/client-kms`. */
  readonly client: AwsKmsClient;
  /** The symmetric key that wraps: its ARN, id or alias. */
  readonly keyId: string;
  /** Keys that wrapped earlier and may still unwrap. `rewrap` moves what they wrapped to `keyId`. Default: none. */
  readonly previousKeyIds?: readonly string[];
}

const custody = "aws-kms";

/**
 * Wraps signing keys with a symmetric key of AWS KMS. Purpose and kid are its encryption context, so a wrapped key
 * opens under its own name only. The key's yearly rotation within KMS needs nothing from you.
 *
 * Not checked: who else may use the KMS key. That is for its key policy, which can demand the encryption context.
 *
 * @throws every call: SegnoError `key_unavailable`
 * @example
 * const custody = awsKmsWrapped({ client: new KMS({ region: "eu-central-1" }), keyId: "alias/segno" });
 */
export function awsKmsWrapped(options: AwsKmsWrappedOptions): WrappingCustody {
  const { client, keyId, previousKeyIds = [] } = options;
  /** ARNs by what the operator wrote, asked once. An alias that is moved is seen after a restart. */
  const arns = new Map<string, string>();
  const call = <Answer>(verb: string, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> =>
    callCustody({ custody, verb, signal }, work);

  async function arnOf(id: string, signal: AbortSignal): Promise<string> {
    const known = arns.get(id);
    if (known !== undefined) return known;
    const { KeyMetadata } = await call("describe its key", signal, () =>
      client.describeKey({ KeyId: id }, { abortSignal: signal }),
    );
    const arn = requireText(custody, "the name of its key", KeyMetadata?.Arn);
    arns.set(id, arn);
    return arn;
  }

  async function wrap(plain: Uint8Array, context: KeyContext, signal: AbortSignal): Promise<string> {
    const answer = await call("wrap a key", signal, () =>
      client.encrypt(
        { KeyId: keyId, Plaintext: plain, EncryptionContext: encryptionContext(context) },
        { abortSignal: signal },
      ),
    );
    const arn = requireText(custody, "the name of its key", answer.KeyId);
    const blob = requireBytes(custody, "a wrapped key", answer.CiphertextBlob);
    return `${arn} ${Buffer.from(blob).toString("base64url")}`;
  }

  async function unwrap(wrapped: string, context: KeyContext, signal: AbortSignal): Promise<Uint8Array> {
    const [arn = "", text, ...rest] = wrapped.split(" ");
    const blob = bytesFromBase64(text);
    if (blob === undefined || rest.length > 0) throw custodyFault(custody, "a wrapped key was changed.");
    const allowed = await Promise.all([keyId, ...previousKeyIds].map((id) => arnOf(id, signal)));
    // Without this, whoever writes to the database could name a key of theirs.
    if (!allowed.includes(arn)) throw custodyFault(custody, "a key was wrapped by a KMS key that is not listed.");
    const answer = await call("unwrap a key", signal, () =>
      client.decrypt(
        { KeyId: arn, CiphertextBlob: blob, EncryptionContext: encryptionContext(context) },
        { abortSignal: signal },
      ),
    );
    return requireBytes(custody, "a key", answer.Plaintext);
  }

  return {
    mode: "wrapped",
    name: custody,
    wrap,
    unwrap,
    async rewrap(wrapped, context, signal) {
      if (wrapped.startsWith(`${await arnOf(keyId, signal)} `)) return undefined;
      const plain = await unwrap(wrapped, context, signal);
      try {
        return await wrap(plain, context, signal);
      } finally {
        plain.fill(0);
      }
    },
    async check(signal) {
      const [context] = probeContexts;
      const probe = new Uint8Array(32).fill(7);
      const plain = await unwrap(await wrap(probe, context, signal), context, signal);
      if (!Buffer.from(plain).equals(probe)) throw custodyFault(custody, "what was wrapped comes back changed.");
    },
  };
}

function encryptionContext({ purpose, kid }: KeyContext): Record<string, string> {
  return { "segno:purpose": purpose, "segno:kid": kid };
}
