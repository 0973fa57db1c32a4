import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStorage, findProof, type LogSigner, verifyLog, verifyProof } from "@segno/server/audit";
import { sqlite } from "@segno/server/storage/sql";
import { loadEngineInternals } from "../engine-internals.ts";
import { check } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";

const origin = "bench.example/audit";
const batch = 256;

function benchSigner(): LogSigner {
  const secret = createHash("sha256").update("a key for the bench").digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), secret]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return { keyName: origin, publicKey, sign: async (bytes) => sign(null, bytes, key) };
}

/** As long as the leaf of a sign-in with its sealed address. */
function leafAt(index: number): Uint8Array {
  const time = new Date(1_767_225_600_000 + index).toISOString();
  const personal = createHash("sha512").update(String(index)).digest("base64url");
  const event = { data: { method: "passkey" }, id: `event-${index}`, time, type: "login.success" };
  return Buffer.from(JSON.stringify({ event, personal, position: index + 1, v: 1 }));
}
const leaves = (from: number, count: number) => Array.from({ length: count }, (_, place) => leafAt(from + place));

/** How fast leaves go in, and what that costs whoever commits beside it. */
export const auditAppendBench: Bench = {
  name: "audit-append",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const { openLog, sqlStorage } = await loadEngineInternals();
    const folder = mkdtempSync(join(tmpdir(), "bench-audit-"));
    const store = await sqlite(join(folder, "segno.db")).open();
    const log = openLog({ storage: sqlStorage(store, origin), origin, signer: benchSigner() });
    let size = 0;
    const append = async (count = batch): Promise<void> => void ({ size } = await log.append(leaves(size, count)));
    const commits = async (count: number): Promise<readonly number[]> => {
      const took: number[] = [];
      for (let index = 0; index < count; index += 1) {
        const started = performance.now();
        await store.db.insertInto("segno_once").values({ key: crypto.randomUUID(), expires_at: 0 }).execute();
        took.push(performance.now() - started);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return took;
    };

    const rounds = smoke ? 2 : 80;
    for (let round = 0; round < 4; round += 1) await append();
    const started = performance.now();
    for (let round = 0; round < rounds; round += 1) await append();
    const perSecond = (rounds * batch) / ((performance.now() - started) / 1000);

    const alone: number[] = [];
    const beside: number[] = [];
    for (let round = 0; round < (smoke ? 1 : 6); round += 1) {
      alone.push(...(await commits(smoke ? 10 : 120)));
      // 2,000 leaves/s, in the batches in which the engine takes them on SQLite
      const timer = setInterval(() => void append(32), 16);
      beside.push(...(await commits(smoke ? 10 : 120)));
      clearInterval(timer);
    }
    await log.checkpoint();
    check((await log.size()) >= size && size > 0, "the log lost leaves");
    await store.close();
    rmSync(folder, { recursive: true });
    const p99 = (values: readonly number[]): number =>
      values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;
    const note = `p99 ${p99(alone).toFixed(2)} ms alone, ${p99(beside).toFixed(2)} ms beside`;
    return [
      row({ name: "audit-append", unit: "leaves/s", ours: perSecond, reference: 2_000, atLeast: 1 }),
      row({
        name: "audit-append-added",
        unit: "ms",
        ours: Math.max(0, p99(beside) - p99(alone)),
        reference: 5,
        atMost: 1,
        note,
      }),
    ];
  },
};

/** A million leaves: how long a verifier takes, and a proof. */
export const auditVerifyBench: Bench = {
  name: "audit-verify",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const { openLog } = await loadEngineInternals();
    const folder = mkdtempSync(join(tmpdir(), "bench-audit-"));
    const files = join(folder, "log");
    const signer = benchSigner();
    const storage = await fileStorage(files);
    const log = openLog({ storage, origin, signer });
    const total = smoke ? 2_000 : 1_000_000;
    say(`writing ${total} leaves`);
    for (let size = 0; size < total; ) {
      ({ size } = await log.append(leaves(size, Math.min(20_000, total - size))));
      await log.checkpoint();
    }
    await storage.close();

    const id = createHash("sha256").update(`${origin}\n`).update(Uint8Array.of(1)).update(signer.publicKey).digest();
    const key = { name: origin, type: 1, id: id.readUInt32BE(0), publicKey: signer.publicKey };
    const keys = [{ key }];
    const started = performance.now();
    const report = await verifyLog(files, { keys });
    const seconds = (performance.now() - started) / 1000;
    check(report.ok && report.size === total, report.problems[0]?.reason ?? "not all leaves");

    const reader = await fileStorage(files, { isWritable: false });
    const provedAt = performance.now();
    const { proof = "" } = await findProof(reader, { index: Math.floor(total / 3) });
    const proofMs = performance.now() - provedAt;
    check(verifyProof(proof, { keys }).ok, "the proof does not hold");
    rmSync(folder, { recursive: true });
    return [
      row({ name: "audit-verify", unit: "s", ours: seconds, reference: 30, atMost: 1, note: `${total} leaves` }),
      row({ name: "audit-proof", unit: "ms", ours: proofMs, reference: 50, atMost: 1 }),
      row({ name: "audit-proof-bytes", unit: "bytes", ours: proof.length, reference: 2_000, atMost: 1 }),
    ];
  },
};
