import type { KeyContext, WrappingCustody } from "../custody.js";
import { bytesFromBase64, requireBytes, requireText } from "./answers.js";
import { callCustody, custodyFault } from "./custody-fault.js";
import type { GoogleBytes, GoogleKmsClient } from "./google-kms.js";
import { keyBinding, probeContexts } from "./key-binding.js";

/** What `googleKmsWrapped` takes. */
export interface GoogleKmsWrappedOptions {
  /** `new KeyManagementServiceClient()` of `@google-cloud/kms`. */
  readonly client: GoogleKmsClient;
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K`: a key for `ENCRYPT_DECRYPT`. */
  readonly keyName: string;
}

const custody = "google-kms";

/**
 * Wraps signing keys with a symmetric key of Google Cloud KMS. Purpose and kid are its additional authenticated data,
 * so a wrapped key opens under its own name only. A new primary version is taken up by `rewrap`.
 *
 * Not checked: the CRC32C of the answers. What comes back damaged does not open.
 *
 * @throws TypeError when `keyName` is not the full name of a key; every call later: SegnoError `key_unavailable`
 * @example
 * const custody = googleKmsWrapped({
 *   client: new KeyManagementServiceClient(),
 *   keyName: "projects/shop/locations/europe-west3/keyRings/segno/cryptoKeys/wrap",
 * });
 */
export function googleKmsWrapped(options: GoogleKmsWrappedOptions): WrappingCustody {
  const { client, keyName } = options;
  if (!/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/.test(keyName)) {
    throw new TypeError("Google KMS: `keyName` is projects/P/locations/L/keyRings/R/cryptoKeys/K.");
  }
  const call = <Answer>(verb: string, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> =>
    callCustody({ custody, verb, signal }, work);

  async function wrap(plain: Uint8Array, context: KeyContext, signal: AbortSignal): Promise<string> {
    const [answer] = await call("wrap a key", signal, () =>
      client.encrypt({ name: keyName, plaintext: plain, additionalAuthenticatedData: keyBinding(context) }),
    );
    const version = versionOf(requireText(custody, "the version of its key", answer.name));
    return `${version}.${Buffer.from(googleBytes("a wrapped key", answer.ciphertext)).toString("base64url")}`;
  }

  async function unwrap(wrapped: string, context: KeyContext, signal: AbortSignal): Promise<Uint8Array> {
    const ciphertext = bytesFromBase64(/^\d{1,9}\.([\w-]+)$/.exec(wrapped)?.[1]);
    if (ciphertext === undefined) throw custodyFault(custody, "a wrapped key was changed.");
    const [answer] = await call("unwrap a key", signal, () =>
      client.decrypt({ name: keyName, ciphertext, additionalAuthenticatedData: keyBinding(context) }),
    );
    return googleBytes("a key", answer.plaintext);
  }

  return {
    mode: "wrapped",
    name: custody,
    wrap,
    unwrap,
    async rewrap(wrapped, context, signal) {
      const [key] = await call("read its key", signal, () => client.getCryptoKey({ name: keyName }));
      const primary = versionOf(requireText(custody, "the version of its key", key.primary?.name));
      if (wrapped.startsWith(`${primary}.`)) return undefined;
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

/** Bytes that must not be missing. */
export function googleBytes(what: string, value: GoogleBytes | undefined): Uint8Array {
  return requireBytes(custody, what, typeof value === "string" ? bytesFromBase64(value) : value);
}

function versionOf(name: string): string {
  const version = /\/cryptoKeyVersions\/(\d{1,9})$/.exec(name)?.[1];
  if (version === undefined) throw custodyFault(custody, "answered without the version of its key.");
  return version;
}
