import { createHash } from "node:crypto";
import { systemRandom } from "../../runtime.js";
import type { KeyPurpose, RemoteCustody, RemoteKey } from "../custody.js";
import { requirePublicJwk, requireSignature, requireText } from "./answers.js";
import type { AzureKeyClient } from "./azure-key-vault.js";
import { callCustody, custodyFault } from "./custody-fault.js";

/** What `azureKeyVaultRemote` takes. */
export interface AzureKeyVaultRemoteOptions {
  /** `new KeyClient(vaultUrl, credential)` of `@azure/keyvault-keys`. */
  readonly client: AzureKeyClient;
  /** Whether keys are made in an HSM; needs a Premium vault or a Managed HSM. Default true. */
  readonly hsm?: boolean;
}

const custody = "azure-key-vault";

/**
 * Keeps signing keys in Azure Key Vault: each signature is one call. ES256 only, because Key Vault has no Ed25519. The
 * purpose is part of the key's name there, so a key is refused for every other one.
 *
 * @throws every call: SegnoError `key_unavailable`
 * @example
 * const client = new KeyClient("https://shop.vault.azure.net", new DefaultAzureCredential());
 * const custody = azureKeyVaultRemote({ client });
 */
export function azureKeyVaultRemote(options: AzureKeyVaultRemoteOptions): RemoteCustody {
  const { client, hsm = true } = options;
  const call = <Answer>(verb: string, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> =>
    callCustody({ custody, verb, signal }, work);

  function readHandle({ handle, purpose, algorithm }: RemoteKey): { readonly name: string; readonly version: string } {
    const [, name, version] = /^(segno-[a-z-]+-[0-9a-f]{24})\/(\w{1,64})$/.exec(handle) ?? [];
    const isOurs = name?.slice(0, -24) === nameStart(purpose) && algorithm === "ES256";
    if (!isOurs || name === undefined || version === undefined) {
      throw custodyFault(custody, "this key was made for another purpose or by another custody.");
    }
    return { name, version };
  }

  return {
    mode: "remote",
    name: custody,
    algorithms: ["ES256"],
    async generate({ purpose, algorithm }, signal) {
      if (algorithm !== "ES256") throw custodyFault(custody, "it has no Ed25519: use ES256.");
      const name = `${nameStart(purpose)}${Buffer.from(systemRandom.bytes(12)).toString("hex")}`;
      const made = await call("make a key", signal, () =>
        client.createEcKey(name, {
          curve: "P-256",
          hsm,
          exportable: false,
          keyOps: ["sign", "verify"],
          tags: { "segno-purpose": purpose },
          abortSignal: signal,
        }),
      );
      if (made.properties.exportable === true) throw custodyFault(custody, "made a key that can be exported.");
      const text = (bytes: Uint8Array | undefined): string | undefined =>
        bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64url") : undefined;
      // A key in an HSM says "EC-HSM"; its public half is an ordinary one.
      const kty = made.key?.kty === "EC-HSM" ? "EC" : made.key?.kty;
      const jwk = { kty, crv: made.key?.crv, x: text(made.key?.x), y: text(made.key?.y) };
      const handle = `${name}/${requireText(custody, "the version of its key", made.properties.version)}`;
      readHandle({ handle, purpose, algorithm });
      return { handle, publicJwk: requirePublicJwk(custody, algorithm, jwk) };
    },
    async sign(input, key, signal) {
      const { name, version } = readHandle(key);
      const digest = createHash("sha256").update(input).digest();
      const { result } = await call("sign", signal, () =>
        client.getCryptographyClient(name, { keyVersion: version }).sign("ES256", digest, { abortSignal: signal }),
      );
      return requireSignature(custody, result);
    },
    async destroy(key, signal) {
      const { name } = readHandle(key);
      await call("destroy a key", signal, () => client.beginDeleteKey(name, { abortSignal: signal }));
    },
    async check(signal) {
      await call("check", signal, () => reach(client, signal));
    },
  };
}

/** Asks for a key that is not there: "not found" is an answer. */
async function reach(client: AzureKeyClient, signal: AbortSignal): Promise<void> {
  try {
    await client.getKey("segno-check", { abortSignal: signal });
  } catch (error) {
    const status = typeof error === "object" && error !== null && "statusCode" in error ? error.statusCode : undefined;
    if (status !== 404) throw error;
  }
}

/** Key Vault allows letters, digits and dashes. */
function nameStart(purpose: KeyPurpose): string {
  return `segno-${purpose.replaceAll("_", "-")}-`;
}
