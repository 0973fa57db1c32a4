import { isSegnoError } from "@segno/core";
import type { KeyContext, WrappingCustody } from "../custody.js";
import { bytesFromBase64 } from "./answers.js";
import { custodyFault } from "./custody-fault.js";
import { keyBinding, probeContexts } from "./key-binding.js";
import { createVaultClient } from "./vault-client.js";
import { requirePath, resolveVault, type VaultOptions } from "./vault-options.js";
import { objectIn } from "./vault-request.js";

/** What `vaultWrapped` takes besides where the server is. */
export interface VaultWrappedOptions extends VaultOptions {
  /** The transit key that wraps: `aes256-gcm96` or `chacha20-poly1305`, made by you. Default `segno`. */
  readonly key?: string;
}

/**
 * Wraps signing keys with the transit engine of HashiCorp Vault or OpenBao, by plain HTTP.
 * Purpose and kid go along as `associated_data`, so a wrapped key opens under its own name only; `check` proves that.
 * A new version of the transit key is taken up by `rewrap`.
 *
 * Not checked: whether the server is who it says beyond TLS, and whether others may use the same transit key.
 *
 * @throws TypeError when an option is missing or not safe; every call later: SegnoError `key_unavailable`
 * @example
 * const custody = vaultWrapped({
 *   address: "https://vault.example.com:8200",
 *   login: { method: "kubernetes", role: "shop" },
 * });
 */
export function vaultWrapped(options: VaultWrappedOptions = {}): WrappingCustody {
  const settings = resolveVault(options);
  const key = requirePath("key", options.key ?? "segno");
  const client = createVaultClient(settings);
  let isBindingProven = false;

  async function wrap(plain: Uint8Array, context: KeyContext, signal: AbortSignal): Promise<string> {
    const body = { plaintext: Buffer.from(plain).toString("base64"), ...bound(context) };
    const path = `${settings.mount}/encrypt/${key}`;
    const answer = await client.call({ method: "POST", path, body, verb: "wrap a key" }, signal);
    const text = objectIn(answer, "data")["ciphertext"];
    if (!isWrapped(text)) throw custodyFault("vault", "answered without a wrapped key.");
    return text;
  }

  async function unwrap(wrapped: string, context: KeyContext, signal: AbortSignal): Promise<Uint8Array> {
    if (!isWrapped(wrapped)) throw doesNotOpen();
    const path = `${settings.mount}/decrypt/${key}`;
    const body = { ciphertext: wrapped, ...bound(context) };
    try {
      const answer = await client.call({ method: "POST", path, body, verb: "unwrap a key" }, signal);
      const plain = bytesFromBase64(objectIn(answer, "data")["plaintext"]);
      if (plain === undefined) throw custodyFault("vault", "answered without a key.");
      return plain;
    } catch (error) {
      throw isSegnoError(error) && error.detail["status"] === 400 ? doesNotOpen() : error;
    }
  }

  return {
    mode: "wrapped",
    name: "vault",
    wrap,
    unwrap,
    async rewrap(wrapped, context, signal) {
      const plain = await unwrap(wrapped, context, signal);
      try {
        const fresh = await wrap(plain, context, signal);
        return versionOf(fresh) === versionOf(wrapped) ? undefined : fresh;
      } finally {
        plain.fill(0);
      }
    },
    async check(signal) {
      const [own, other] = probeContexts;
      const probe = new Uint8Array(32).fill(7);
      const wrapped = await wrap(probe, own, signal);
      if (!Buffer.from(await unwrap(wrapped, own, signal)).equals(probe)) {
        throw custodyFault("vault", "what was wrapped comes back changed.");
      }
      if (!isBindingProven) await proveBinding(wrapped, other, signal);
      isBindingProven = true;
    },
    close: () => client.close(),
  };

  async function proveBinding(wrapped: string, other: KeyContext, signal: AbortSignal): Promise<void> {
    const opened = await unwrap(wrapped, other, signal).catch((error: unknown) => {
      if (isSegnoError(error) && error.detail["reason"] === "does_not_open") return undefined;
      throw error;
    });
    if (opened !== undefined) throw custodyFault("vault", "it opens a key under another name: update the server.");
  }
}

/** `context` is for transit keys with `derived=true`; others ignore it. */
function bound(context: KeyContext): { readonly associated_data: string; readonly context: string } {
  const text = Buffer.from(keyBinding(context)).toString("base64");
  return { associated_data: text, context: text };
}

function isWrapped(text: unknown): text is string {
  return typeof text === "string" && text.length < 65_536 && /^vault:v[1-9]\d{0,8}:[A-Za-z0-9+/]+={0,2}$/.test(text);
}

function versionOf(wrapped: string): string {
  return wrapped.split(":")[1] ?? "";
}

function doesNotOpen(): Error {
  return custodyFault("vault", "a wrapped key does not open: it was changed, or wrapped by or for another.", {
    reason: "does_not_open",
  });
}
