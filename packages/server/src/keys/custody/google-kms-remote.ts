import { createHash } from "node:crypto";
import { systemRandom } from "../../runtime.js";
import type { KeyPurpose, RemoteCustody, RemoteKey } from "../custody.js";
import { readPublicKey, requireSignature, requireText, signatureFromDer } from "./answers.js";
import { callCustody, custodyFault } from "./custody-fault.js";
import type { GoogleKmsClient } from "./google-kms.js";
import { googleBytes } from "./google-kms-wrapped.js";

/** What `googleKmsRemote` takes. */
export interface GoogleKmsRemoteOptions {
  /** `new KeyManagementServiceClient()` of `@google-cloud/kms`. */
  readonly client: GoogleKmsClient;
  /** `projects/P/locations/L/keyRings/R`: where keys are made. */
  readonly keyRing: string;
  /** Default `HSM`. Cloud HSM has no Ed25519: EdDSA needs `SOFTWARE`. */
  readonly protectionLevel?: "HSM" | "SOFTWARE";
}

const custody = "google-kms";

/**
 * Keeps signing keys in Google Cloud KMS: each signature is one call. The purpose is part of the key's name there, so a
 * key is refused for every other one.
 *
 * @throws TypeError when `keyRing` is not its full name; every call later: SegnoError `key_unavailable`, also while a
 * key that was just made is not ready yet
 * @example
 * const custody = googleKmsRemote({
 *   client: new KeyManagementServiceClient(),
 *   keyRing: "projects/shop/locations/europe-west3/keyRings/segno",
 * });
 */
export function googleKmsRemote(options: GoogleKmsRemoteOptions): RemoteCustody {
  const { client, keyRing, protectionLevel = "HSM" } = options;
  if (!/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+$/.test(keyRing)) {
    throw new TypeError("Google KMS: `keyRing` is projects/P/locations/L/keyRings/R.");
  }
  const call = <Answer>(verb: string, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> =>
    callCustody({ custody, verb, signal }, work);

  function requirePurpose({ handle, purpose }: RemoteKey): void {
    const start = `${keyRing}/cryptoKeys/${idStart(purpose)}`;
    const isOurs = handle.startsWith(start) && /^[0-9a-f]{24}\/cryptoKeyVersions\/1$/.test(handle.slice(start.length));
    if (!isOurs) throw custodyFault(custody, "this key was made for another purpose or by another custody.");
  }

  return {
    mode: "remote",
    name: custody,
    algorithms: protectionLevel === "HSM" ? ["ES256"] : ["ES256", "EdDSA"],
    async generate({ purpose, algorithm }, signal) {
      const id = `${idStart(purpose)}${Buffer.from(systemRandom.bytes(12)).toString("hex")}`;
      const [key] = await call("make a key", signal, () =>
        client.createCryptoKey({
          parent: keyRing,
          cryptoKeyId: id,
          cryptoKey: {
            purpose: "ASYMMETRIC_SIGN",
            labels: { segno_purpose: purpose },
            versionTemplate: {
              algorithm: algorithm === "ES256" ? "EC_SIGN_P256_SHA256" : "EC_SIGN_ED25519",
              protectionLevel,
            },
          },
        }),
      );
      const handle = `${requireText(custody, "the name of its key", key.name)}/cryptoKeyVersions/1`;
      requirePurpose({ handle, purpose, algorithm });
      const [{ pem }] = await call("read a public key", signal, () => client.getPublicKey({ name: handle }));
      return { handle, publicJwk: readPublicKey(custody, algorithm, requireText(custody, "a public key", pem)) };
    },
    async sign(input, key, signal) {
      requirePurpose(key);
      const name = key.handle;
      const isHashed = key.algorithm === "ES256";
      const [answer] = await call("sign", signal, () =>
        client.asymmetricSign(
          isHashed ? { name, digest: { sha256: createHash("sha256").update(input).digest() } } : { name, data: input },
        ),
      );
      if (answer.name !== undefined && answer.name !== null && answer.name !== name) {
        throw custodyFault(custody, "answered for another key.");
      }
      const signature = googleBytes("a signature", answer.signature);
      return isHashed ? signatureFromDer(custody, signature) : requireSignature(custody, signature);
    },
    async destroy(key, signal) {
      requirePurpose(key);
      await call("destroy a key", signal, () => client.destroyCryptoKeyVersion({ name: key.handle }));
    },
    async check(signal) {
      await call("check", signal, () => client.getKeyRing({ name: keyRing }));
    },
  };
}

function idStart(purpose: KeyPurpose): string {
  return `segno-${purpose}-`;
}
