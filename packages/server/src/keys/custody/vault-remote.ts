import { createHash } from "node:crypto";
import { isSegnoError } from "@segno/core";
import { systemRandom } from "../../runtime.js";
import type { KeyAlgorithm, KeyPurpose, RemoteCustody, RemoteKey } from "../custody.js";
import { bytesFromBase64, readPublicKey, requirePublicJwk, requireSignature } from "./answers.js";
import { custodyFault } from "./custody-fault.js";
import { createVaultClient } from "./vault-client.js";
import { requirePath, resolveVault, type VaultOptions } from "./vault-options.js";
import { objectIn } from "./vault-request.js";

/** What `vaultRemote` takes besides where the server is. */
export interface VaultRemoteOptions extends VaultOptions {
  /** Every key is named `<keyPrefix>-<purpose>-<random>`, so that a policy can name them. Default `segno`. */
  readonly keyPrefix?: string;
}

const transitTypes: Readonly<Record<KeyAlgorithm, string>> = { ES256: "ecdsa-p256", EdDSA: "ed25519" };

/**
 * Keeps signing keys in the transit engine of HashiCorp Vault or OpenBao: each signature is one HTTP request.
 * ES256 sends the SHA-256 digest, never the token; EdDSA has to send what it signs (RFC 8032 section 5.1.6).
 * The purpose is part of the key's name there: a key is refused for every other one.
 *
 * @throws TypeError when an option is missing or not safe; every call later: SegnoError `key_unavailable`
 * @example
 * const custody = vaultRemote({
 *   address: "https://vault.example.com:8200",
 *   login: { method: "approle", roleId: "shop", secretId: () => readFile("/run/secrets/vault", "utf8") },
 * });
 */
export function vaultRemote(options: VaultRemoteOptions = {}): RemoteCustody {
  const settings = resolveVault(options);
  const prefix = requirePath("keyPrefix", options.keyPrefix ?? "segno");
  if (prefix.includes("/")) throw new TypeError("Vault: `keyPrefix` is one name.");
  const client = createVaultClient(settings);
  const keyPath = (name: string): string => `${settings.mount}/keys/${name}`;

  /** @throws SegnoError `key_unavailable` when this key was made for something else */
  function nameOf(key: RemoteKey): string {
    const start = `${prefix}-${key.purpose}-`;
    const isOurs = key.handle.startsWith(start) && /^[0-9a-f]{24}:1$/.test(key.handle.slice(start.length));
    if (!isOurs) throw custodyFault("vault", "this key was made for another purpose or by another custody.");
    return key.handle.slice(0, -2);
  }

  return {
    mode: "remote",
    name: "vault",
    async generate({ purpose, algorithm }, signal) {
      const name = `${prefix}-${purpose}-${Buffer.from(systemRandom.bytes(12)).toString("hex")}`;
      const type = transitTypes[algorithm];
      const body = { type, exportable: false, allow_plaintext_backup: false };
      await client.call({ method: "POST", path: keyPath(name), body, verb: "make a key" }, signal);
      const answer = await client.call({ method: "GET", path: keyPath(name), verb: "read a public key" }, signal);
      return { handle: `${name}:1`, publicJwk: publicJwkOf(objectIn(answer, "data"), algorithm) };
    },
    async sign(input, key, signal) {
      const name = nameOf(key);
      const isHashed = key.algorithm === "ES256";
      const message = isHashed ? createHash("sha256").update(input).digest() : Buffer.from(input);
      const body = {
        input: message.toString("base64"),
        key_version: 1,
        marshaling_algorithm: "jws",
        ...(isHashed ? { prehashed: true, hash_algorithm: "sha2-256" } : {}),
      };
      const path = `${settings.mount}/sign/${name}`;
      const answer = await client.call({ method: "POST", path, body, verb: "sign" }, signal);
      const text = objectIn(answer, "data")["signature"];
      const encoded = typeof text === "string" && text.startsWith("vault:v1:") ? text.slice(9) : undefined;
      return requireSignature("vault", bytesFromBase64(encoded));
    },
    async destroy(key, signal) {
      const name = nameOf(key);
      const verb = "destroy a key";
      try {
        await client.call({ method: "GET", path: keyPath(name), verb }, signal);
      } catch (error) {
        if (isSegnoError(error) && error.detail["status"] === 404) return;
        throw error;
      }
      const body = { deletion_allowed: true };
      await client.call({ method: "POST", path: `${keyPath(name)}/config`, body, verb }, signal);
      await client.call({ method: "DELETE", path: keyPath(name), verb }, signal);
    },
    check: (signal) => checkCapabilities(signal),
    close: () => client.close(),
  };

  /** Asks what the token may do, without making a key. */
  async function checkCapabilities(signal: AbortSignal): Promise<void> {
    const names: readonly KeyPurpose[] = ["access_token"];
    for (const purpose of names) {
      const name = `${prefix}-${purpose}-check`;
      const paths = [keyPath(name), `${settings.mount}/sign/${name}`];
      const request = { method: "POST", path: "sys/capabilities-self", body: { paths }, verb: "check" } as const;
      const answer = await client.call(request, signal);
      for (const path of paths) {
        const allowed = answer[path] ?? objectIn(answer, "data")[path];
        const isAllowed = Array.isArray(allowed) && (allowed.includes("update") || allowed.includes("root"));
        if (!isAllowed) throw custodyFault("vault", "the policy of its token does not let it make keys and sign.");
      }
    }
  }
}

function publicJwkOf(
  data: Readonly<Record<string, unknown>>,
  algorithm: KeyAlgorithm,
): Readonly<Record<string, string>> {
  if (data["type"] !== transitTypes[algorithm] || data["exportable"] !== false) {
    throw custodyFault("vault", "made a key of another type, or one that can be exported.");
  }
  const publicKey = objectIn(objectIn(data, "keys"), "1")["public_key"];
  if (typeof publicKey !== "string") throw custodyFault("vault", "answered without a public key.");
  if (algorithm === "ES256") return readPublicKey("vault", algorithm, publicKey);
  const x = bytesFromBase64(publicKey)?.toString("base64url");
  return requirePublicJwk("vault", algorithm, { kty: "OKP", crv: "Ed25519", x });
}
