import type { PublicJwk } from "@segno/core";
import type { AuditPublicKey, AuditSigner, Db } from "../engine.js";
import type { Keyrings } from "./keyrings.js";
import { listKeysOf } from "./store.js";

/** What signs checkpoints of the record: raw bytes, by keys that sign nothing else. */
export function createAuditSigner(keyrings: Pick<Keyrings, "of">, db: Db): AuditSigner {
  return {
    async signAudit(bytes) {
      const ring = await keyrings.of("audit");
      const key = await ring.use();
      if (key.mode === "data") throw new TypeError("A data key signs nothing.");
      const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
      const text = key.mode === "remote" ? await key.sign(input) : key.algorithm.sign(input, key.privateKey);
      ring.countUse(key.kid, key.algorithm.alg);
      return { kid: key.kid, alg: key.algorithm.alg, signature: Uint8Array.from(Buffer.from(text, "base64url")) };
    },
    async auditPublicKeys() {
      await keyrings.of("audit");
      const rows = await listKeysOf(db, "audit");
      return rows.map((row): AuditPublicKey => {
        const publicJwk = JSON.parse(row.public_jwk) as PublicJwk;
        return {
          kid: row.kid,
          alg: row.algorithm === "EdDSA" ? "EdDSA" : "ES256",
          publicJwk,
          state: row.state,
          signingAtMs: row.signing_at,
          signedUntilMs: row.verify_only_at ?? row.retired_at,
        };
      });
    },
  };
}
