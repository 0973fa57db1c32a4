import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { signDigest, toDer } from "../../../test/ecdsa-over-digest.js";
import type { GoogleKmsClient } from "./google-kms.js";

/**
 * Google Cloud KMS as its public API reference describes it (cloud.google.com/kms/docs/reference/rest): resource names,
 * primary versions, DER signatures, gRPC codes. Not seen against a real server.
 */
export interface GoogleKmsDouble extends GoogleKmsClient {
  /** Makes a new primary version of the wrapping key. */
  rotate(keyName: string): void;
  readonly calls: string[];
}

interface Version {
  readonly key: Buffer;
}

export function createGoogleKmsDouble(answersBase64 = false): GoogleKmsDouble {
  const wrapping = new Map<string, Version[]>();
  const signing = new Map<string, { readonly key: KeyObject; readonly algorithm: string; isDestroyed: boolean }>();
  const calls: string[] = [];
  const bytes = (value: Buffer): Uint8Array | string => (answersBase64 ? value.toString("base64") : value);
  const versionsOf = (name: string): Version[] => {
    const known = wrapping.get(name) ?? [{ key: randomBytes(32) }];
    wrapping.set(name, known);
    return known;
  };
  const failed = (code: number, text: string): Error => Object.assign(new Error(`${code} ${text}`), { code });
  const signingKey = (name: string) => {
    const found = signing.get(name);
    if (found === undefined) throw failed(5, `NOT_FOUND: CryptoKeyVersion ${name} not found.`);
    if (found.isDestroyed) throw failed(9, "FAILED_PRECONDITION: the version is not enabled");
    return found;
  };
  const tell = async (call: string): Promise<void> => {
    calls.push(call);
    await new Promise((resolve) => setImmediate(resolve));
  };

  return {
    calls,
    rotate: (keyName) => void versionsOf(keyName).push({ key: randomBytes(32) }),
    async encrypt({ name, plaintext, additionalAuthenticatedData }) {
      await tell("encrypt");
      const versions = versionsOf(name);
      const key = versions.at(-1)?.key ?? randomBytes(32);
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(additionalAuthenticatedData);
      const body = Buffer.concat([
        Buffer.from([versions.length]),
        nonce,
        cipher.update(plaintext),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return [{ ciphertext: bytes(body), name: `${name}/cryptoKeyVersions/${versions.length}` }];
    },
    async decrypt({ name, ciphertext, additionalAuthenticatedData }) {
      await tell("decrypt");
      const body = Buffer.from(ciphertext);
      const version = versionsOf(name)[(body[0] ?? 0) - 1];
      if (version === undefined) throw failed(3, "INVALID_ARGUMENT: Decryption failed: the ciphertext is invalid.");
      try {
        const cipher = createDecipheriv("aes-256-gcm", version.key, body.subarray(1, 13));
        cipher.setAAD(additionalAuthenticatedData).setAuthTag(body.subarray(-16));
        const plaintext = Buffer.concat([cipher.update(body.subarray(13, -16)), cipher.final()]);
        return [{ plaintext: bytes(plaintext) }];
      } catch {
        throw failed(3, "INVALID_ARGUMENT: Decryption failed: the ciphertext is invalid.");
      }
    },
    async getCryptoKey({ name }) {
      await tell("getCryptoKey");
      return [{ primary: { name: `${name}/cryptoKeyVersions/${versionsOf(name).length}` } }];
    },
    async createCryptoKey({ parent, cryptoKeyId, cryptoKey }) {
      await tell("createCryptoKey");
      const { algorithm, protectionLevel } = cryptoKey.versionTemplate;
      if (algorithm === "EC_SIGN_ED25519" && protectionLevel === "HSM")
        throw failed(3, "INVALID_ARGUMENT: unsupported");
      if (!/^[a-zA-Z0-9_-]{1,63}$/.test(cryptoKeyId)) throw failed(3, "INVALID_ARGUMENT: cryptoKeyId");
      const name = `${parent}/cryptoKeys/${cryptoKeyId}`;
      const { privateKey } =
        algorithm === "EC_SIGN_ED25519"
          ? generateKeyPairSync("ed25519")
          : generateKeyPairSync("ec", { namedCurve: "P-256" });
      signing.set(`${name}/cryptoKeyVersions/1`, { key: privateKey, algorithm, isDestroyed: false });
      return [{ name }];
    },
    async getPublicKey({ name }) {
      await tell("getPublicKey");
      const pem = createPublicKey(signingKey(name).key).export({ type: "spki", format: "pem" });
      return [{ pem: `${pem as string}` }];
    },
    async asymmetricSign(request) {
      await tell("asymmetricSign");
      const { key, algorithm } = signingKey(request.name);
      const isEd25519 = algorithm === "EC_SIGN_ED25519";
      if (isEd25519 !== "data" in request) throw failed(3, "INVALID_ARGUMENT: data or digest");
      const signature =
        "data" in request ? sign(null, request.data, key) : toDer(signDigest(key, request.digest.sha256));
      return [{ signature: bytes(signature), name: request.name }];
    },
    async destroyCryptoKeyVersion({ name }) {
      await tell("destroyCryptoKeyVersion");
      signingKey(name).isDestroyed = true;
      return [{ name }];
    },
    async getKeyRing({ name }) {
      await tell("getKeyRing");
      return [{ name }];
    },
  };
}
