import { createCipheriv, createDecipheriv } from "node:crypto";
import { systemRandom } from "../../runtime.js";
import type { KeyContext, WrappingCustody } from "../custody.js";
import { bytesFromBase64, requireBytes, requireText } from "./answers.js";
import type { AzureKeyClient } from "./azure-key-vault.js";
import { callCustody, custodyFault } from "./custody-fault.js";
import { keyBinding, probeContexts } from "./key-binding.js";

/** What `azureKeyVaultWrapped` takes. */
export interface AzureKeyVaultWrappedOptions {
  /** `new KeyClient(vaultUrl, credential)` of `@azure/keyvault-keys`. */
  readonly client: AzureKeyClient;
  /** The RSA key that wraps, of 2048 bits or more, allowed for `wrapKey` and `unwrapKey`. */
  readonly keyName: string;
}

const custody = "azure-key-vault";
const [nonceBytes, tagBytes] = [12, 16];

/**
 * Wraps signing keys under an RSA key of Azure Key Vault. Key Vault authenticates no context, so each signing key is
 * sealed by a fresh data key (AES-256-GCM, bound to purpose and kid), and Key Vault wraps the data key (RSA-OAEP-256).
 * A new version of the RSA key is taken up by `rewrap`.
 *
 * @throws TypeError when `keyName` is no name; every call later: SegnoError `key_unavailable`
 * @example
 * const client = new KeyClient("https://shop.vault.azure.net", new DefaultAzureCredential());
 * const custody = azureKeyVaultWrapped({ client, keyName: "segno" });
 */
export function azureKeyVaultWrapped(options: AzureKeyVaultWrappedOptions): WrappingCustody {
  const { client, keyName } = options;
  if (!/^[0-9A-Za-z-]{1,127}$/.test(keyName)) throw new TypeError("Azure Key Vault: `keyName` is the name of a key.");
  const call = <Answer>(verb: string, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> =>
    callCustody({ custody, verb, signal }, work);

  async function newestVersion(signal: AbortSignal): Promise<string> {
    const key = await call("read its key", signal, () => client.getKey(keyName, { abortSignal: signal }));
    const version = requireText(custody, "the version of its key", key.properties.version);
    if (!/^\w{1,64}$/.test(version)) throw custodyFault(custody, "answered without the version of its key.");
    return version;
  }

  async function wrap(plain: Uint8Array, context: KeyContext, signal: AbortSignal): Promise<string> {
    const keyVersion = await newestVersion(signal);
    const dataKey = systemRandom.bytes(32);
    try {
      const sealed = seal(plain, dataKey, context);
      const { result } = await call("wrap a key", signal, () =>
        client.getCryptographyClient(keyName, { keyVersion }).wrapKey("RSA-OAEP-256", dataKey, { abortSignal: signal }),
      );
      const wrappedKey = Buffer.from(requireBytes(custody, "a wrapped key", result)).toString("base64url");
      return `${keyVersion}.${wrappedKey}.${sealed.toString("base64url")}`;
    } finally {
      dataKey.fill(0);
    }
  }

  async function unwrap(wrapped: string, context: KeyContext, signal: AbortSignal): Promise<Uint8Array> {
    const [, keyVersion, first, second] = /^(\w{1,64})\.([\w-]+)\.([\w-]+)$/.exec(wrapped) ?? [];
    const [wrappedKey, sealed] = [bytesFromBase64(first), bytesFromBase64(second)];
    if (keyVersion === undefined || wrappedKey === undefined || sealed === undefined) {
      throw custodyFault(custody, "a wrapped key was changed.");
    }
    const { result } = await call("unwrap a key", signal, () =>
      client
        .getCryptographyClient(keyName, { keyVersion })
        .unwrapKey("RSA-OAEP-256", wrappedKey, { abortSignal: signal }),
    );
    try {
      return open(sealed, requireBytes(custody, "a key", result), context);
    } catch {
      throw custodyFault(custody, "a wrapped key does not open: it was changed, or wrapped for another.");
    }
  }

  return {
    mode: "wrapped",
    name: custody,
    wrap,
    unwrap,
    async rewrap(wrapped, context, signal) {
      if (wrapped.startsWith(`${await newestVersion(signal)}.`)) return undefined;
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

function seal(plain: Uint8Array, dataKey: Uint8Array, context: KeyContext): Buffer {
  const nonce = systemRandom.bytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", dataKey, nonce);
  cipher.setAAD(keyBinding(context));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(sealed: Buffer, dataKey: Uint8Array, context: KeyContext): Uint8Array {
  const end = sealed.length - tagBytes;
  const nonce = sealed.subarray(0, nonceBytes);
  const decipher = createDecipheriv("aes-256-gcm", dataKey, nonce, { authTagLength: tagBytes });
  decipher.setAAD(keyBinding(context));
  decipher.setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, end)), decipher.final()]);
}
