// A vault in memory, in both modes: counts what it is asked, can be down, hang, or answer nonsense.
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from "node:crypto";
import { SegnoError } from "@segno/core";
import type { KeyAlgorithm, RemoteCustody, WrappingCustody } from "../src/keys/index.js";

/** What everything else that a vault does is like. */
export interface VaultDouble {
  readonly wrapped: WrappingCustody;
  readonly remote: RemoteCustody;
  /** How the vault is: `down` refuses at once, `hanging` never answers (but heeds the signal). */
  state: "up" | "down" | "hanging";
  /** Replaces each signature. */
  tamper: ((signature: Uint8Array, input: Uint8Array) => unknown) | undefined;
  /** Runs within each call, before it is answered. */
  during: (() => Promise<void>) | undefined;
  readonly calls: Record<"wrap" | "unwrap" | "generate" | "sign" | "destroy" | "check", number>;
  /** Calls that have not been answered. */
  inFlight: number;
  mostInFlight: number;
  /** Handles of the remote keys that exist. */
  readonly handles: () => readonly string[];
}

export function createVaultDouble(): VaultDouble {
  const master = randomBytes(32);
  const keys = new Map<string, { pem: string; algorithm: KeyAlgorithm }>();
  const unavailable = () => new SegnoError("key_unavailable", "The vault is down.", { retryAfterSeconds: 2 });

  async function answering<Result>(
    call: keyof VaultDouble["calls"],
    signal: AbortSignal,
    work: () => Result,
  ): Promise<Result> {
    vault.calls[call] += 1;
    vault.inFlight += 1;
    vault.mostInFlight = Math.max(vault.mostInFlight, vault.inFlight);
    try {
      await vault.during?.();
      if (vault.state === "hanging") {
        await new Promise<never>((_, reject) => {
          if (signal.aborted) reject(unavailable());
          signal.addEventListener("abort", () => reject(unavailable()), { once: true });
        });
      }
      if (vault.state === "down") throw unavailable();
      return work();
    } finally {
      vault.inFlight -= 1;
    }
  }

  const common = { name: "double", check: (signal: AbortSignal) => answering("check", signal, () => {}) };
  const vault: VaultDouble = {
    state: "up",
    tamper: undefined,
    during: undefined,
    calls: { wrap: 0, unwrap: 0, generate: 0, sign: 0, destroy: 0, check: 0 },
    inFlight: 0,
    mostInFlight: 0,
    handles: () => [...keys.keys()],
    wrapped: {
      ...common,
      mode: "wrapped",
      wrap: (plain, context, signal) =>
        answering("wrap", signal, () => {
          const nonce = randomBytes(12);
          const cipher = createCipheriv("aes-256-gcm", master, nonce);
          cipher.setAAD(Buffer.from(`${context.purpose}/${context.kid}`));
          const body = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
          return `double:${body.toString("base64url")}`;
        }),
      unwrap: (wrapped, context, signal) =>
        answering("unwrap", signal, () => {
          const body = Buffer.from(wrapped.slice("double:".length), "base64url");
          const end = body.length - 16;
          const decipher = createDecipheriv("aes-256-gcm", master, body.subarray(0, 12));
          decipher.setAAD(Buffer.from(`${context.purpose}/${context.kid}`));
          decipher.setAuthTag(body.subarray(end));
          return Buffer.concat([decipher.update(body.subarray(12, end)), decipher.final()]);
        }),
    },
    remote: {
      ...common,
      mode: "remote",
      generate: ({ algorithm }, signal) =>
        answering("generate", signal, () => {
          const { privateKey, publicKey } =
            algorithm === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
          const handle = `key-${keys.size + 1}/1`;
          keys.set(handle, { pem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(), algorithm });
          return { handle, publicJwk: publicKey.export({ format: "jwk" }) as Record<string, string> };
        }),
      sign: (input, key, signal) =>
        answering("sign", signal, () => {
          const found = keys.get(key.handle);
          if (found === undefined) throw unavailable();
          const privateKey = createPrivateKey(found.pem);
          const signature =
            found.algorithm === "ES256"
              ? sign("sha256", input, { key: privateKey, dsaEncoding: "ieee-p1363" })
              : sign(null, input, privateKey);
          return (vault.tamper?.(signature, input) ?? signature) as Uint8Array;
        }),
      destroy: ({ handle }, signal) => answering("destroy", signal, () => void keys.delete(handle)),
    },
  };
  return vault;
}
