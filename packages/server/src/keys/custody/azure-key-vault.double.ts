import {
  constants,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { signDigest } from "../../../test/ecdsa-over-digest.js";
import type { AzureKey, AzureKeyClient } from "./azure-key-vault.js";

/**
 * Azure Key Vault as its public API reference describes it (learn.microsoft.com/rest/api/keyvault/keys): versions of 32
 * hex digits, RSA-OAEP-256, r||s signatures, 404 for what is not there. Not seen against a real server.
 */
export interface AzureKeyVaultDouble extends AzureKeyClient {
  /** Makes a new version of a key. */
  rotate(name: string): void;
}

interface Version {
  readonly version: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function createAzureKeyVaultDouble(rsaKey: string): AzureKeyVaultDouble {
  const keys = new Map<string, Version[]>();
  const add = (name: string, pair: { privateKey: KeyObject; publicKey: KeyObject }): Version => {
    const made = { version: randomBytes(16).toString("hex"), ...pair };
    keys.set(name, [...(keys.get(name) ?? []), made]);
    return made;
  };
  const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
  add(rsaKey, rsa());
  const found = (name: string, version?: string): Version => {
    const list = keys.get(name) ?? [];
    const key = version === undefined ? list.at(-1) : list.find((each) => each.version === version);
    if (key !== undefined) return key;
    throw Object.assign(new Error(`A key with (name/id) ${name} was not found`), {
      statusCode: 404,
      code: "KeyNotFound",
    });
  };
  const answered = async (signal: AbortSignal): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) throw Object.assign(new Error("The operation was aborted."), { name: "AbortError" });
  };
  const told = (name: string, { version, publicKey }: Version, isHsm: boolean): AzureKey => {
    const jwk = publicKey.export({ format: "jwk" });
    const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, "base64url"));
    const kty = isHsm && jwk.kty === "EC" ? "EC-HSM" : jwk.kty;
    return {
      name,
      key: { kty, crv: jwk.crv, x: bytes(jwk.x), y: bytes(jwk.y) },
      properties: { version, enabled: true },
    };
  };
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };

  return {
    rotate: (name) => void add(name, rsa()),
    async getKey(name, { abortSignal }) {
      await answered(abortSignal);
      return told(name, found(name), false);
    },
    async createEcKey(name, { abortSignal, hsm }) {
      await answered(abortSignal);
      if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) throw Object.assign(new Error("BadParameter"), { statusCode: 400 });
      return told(name, add(name, generateKeyPairSync("ec", { namedCurve: "P-256" })), hsm);
    },
    async beginDeleteKey(name, { abortSignal }) {
      await answered(abortSignal);
      found(name);
      keys.delete(name);
      return {};
    },
    getCryptographyClient: (name, { keyVersion }) => ({
      async wrapKey(_algorithm, key, { abortSignal }) {
        await answered(abortSignal);
        const result = publicEncrypt({ key: found(name, keyVersion).publicKey, ...oaep }, key);
        return { result, keyID: `https://shop.vault.azure.net/keys/${name}/${keyVersion}` };
      },
      async unwrapKey(_algorithm, encryptedKey, { abortSignal }) {
        await answered(abortSignal);
        return { result: privateDecrypt({ key: found(name, keyVersion).privateKey, ...oaep }, encryptedKey) };
      },
      async sign(_algorithm, digest, { abortSignal }) {
        await answered(abortSignal);
        return { result: signDigest(found(name, keyVersion).privateKey, digest) };
      },
    }),
  };
}
