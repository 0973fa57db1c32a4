// What tests of the audit log need: keys that are the same in every run.
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { canonicalJson, fileStorage, type LogSigner, openLog } from "../src/audit/log/index.js";

/** An Ed25519 key made of a seed. */
export function testSigner(keyName: string, seed: string): LogSigner {
  const secret = createHash("sha256").update(`a key for tests: ${seed}`).digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), secret]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return { keyName, publicKey, sign: async (bytes) => sign(null, bytes, key) };
}

/** A leaf as the engine writes them, as far as a verifier looks. */
export function testLeaf(index: number): Uint8Array {
  const time = new Date(Date.parse("2026-01-01T00:00:00Z") + index * 1000).toISOString();
  const event = { id: `event-${index}`, source: "segno", specversion: "1.0", time, type: "login.success" };
  return Buffer.from(canonicalJson({ event, position: index + 1, retention: { class: "default" }, v: 1 }));
}

/** Appends to a log in files until it has `size` leaves, with a checkpoint behind each `portion`. */
export async function writeTestLog(folder: string, signer: LogSigner, size: number, portion = 300): Promise<void> {
  const storage = await fileStorage(folder);
  const log = openLog({ storage, origin: signer.keyName, signer });
  for (let at = await log.size(); at < size; ) {
    const count = Math.min(portion, size - at);
    ({ size: at } = await log.append(Array.from({ length: count }, (_, place) => testLeaf(at + place))));
    await log.checkpoint();
  }
  await storage.close();
}

/** The key of a signer as verifiers take it. */
export function testKey({ keyName, publicKey }: LogSigner, type = 1): string {
  const id = createHash("sha256").update(`${keyName}\n`).update(Uint8Array.of(type)).update(publicKey).digest("hex");
  return `${keyName}+${id.slice(0, 8)}+${Buffer.concat([Uint8Array.of(type), publicKey]).toString("base64")}`;
}
