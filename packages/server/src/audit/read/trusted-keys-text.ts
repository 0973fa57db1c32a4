import { decodeBase64Url } from "@segno/core";
import type { AuditSigner } from "../../engine.js";
import {
  formatVerifierKey,
  isBy,
  type LogStorage,
  parseCheckpoint,
  signatureTypes,
  verifierKeyOf,
} from "../log/index.js";

/**
 * The log's keys as a verifier's file of keys. One that was rotated away may sign no larger log than it did: `until=SIZE`. One
 * that was given up is left out, and what it alone signed verifies no more.
 */
export async function trustedKeysText(signer: AuditSigner, storage: LogStorage, origin: string): Promise<string> {
  const keys = (await signer.auditPublicKeys()).flatMap(({ publicJwk, alg, state }) => {
    const { x } = publicJwk as { readonly x?: unknown };
    if (alg !== "EdDSA" || typeof x !== "string" || state === "compromised") return [];
    return [{ state, key: verifierKeyOf(origin, signatureTypes.ed25519, decodeBase64Url(x)) }];
  });
  const largest = new Map<number, number>();
  const isRotated = keys.some(({ state }) => state !== "signing" && state !== "published");
  if (isRotated) {
    for await (const { note, size } of storage.checkpoints()) {
      const signatures = parseCheckpoint(note)?.note.signatures ?? [];
      for (const { key } of keys) if (signatures.some((line) => isBy(key, line))) largest.set(key.id, size);
    }
  }
  const lines = keys.map(({ key, state }) => {
    const isCurrent = state === "signing" || state === "published";
    return `${formatVerifierKey(key)}${isCurrent ? "" : ` until=${largest.get(key.id) ?? 0}`}`;
  });
  return `${lines.join("\n")}\n`;
}
