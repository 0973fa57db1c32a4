import { decodeBase64Url, SegnoError } from "@segno/core";
import type { AuditSigner } from "../../engine.js";
import type { LogSigner } from "../log/index.js";

/**
 * Signs checkpoints with the key of the record that signs now. Asked anew for each checkpoint, so keys rotate beneath it.
 * @throws SegnoError `key_unavailable` where the custody signs with nothing that checkpoints know (they know Ed25519)
 */
export async function openLogSigner(auditSigner: AuditSigner, origin: string): Promise<LogSigner> {
  const key = (await auditSigner.auditPublicKeys()).find(({ state }) => state === "signing");
  if (key === undefined) throw new SegnoError("key_unavailable", "No key signs the audit log.");
  const { x } = key.publicJwk as { readonly x?: unknown };
  if (key.alg !== "EdDSA" || typeof x !== "string")
    throw new SegnoError("key_unavailable", "The custody has no Ed25519, and checkpoints know no other signature.");
  return {
    keyName: origin,
    publicKey: decodeBase64Url(x),
    async sign(bytes) {
      const { kid, signature } = await auditSigner.signAudit(bytes);
      // a rotation came between: the next checkpoint is by the new key
      if (kid !== key.kid) throw new SegnoError("conflict", "The key of the audit log was rotated at this moment.");
      return signature;
    },
  };
}
