// What tests of the audit log need: keys that are the same in every run.
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { LogSigner } from "../src/audit/log/index.js";

/** An Ed25519 key made of a seed. */
export function testSigner(keyName: string, seed: string): LogSigner {
  const secret = createHash("sha256").update(`a key for tests: ${seed}`).digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), secret]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return { keyName, publicKey, sign: async (bytes) => sign(null, bytes, key) };
}
