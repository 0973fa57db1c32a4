// A process that appends to a log in files and is killed at a given write: audit-append-flow.ts FOLDER DIE_AT
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [, , folder = "", dieAt = "0"] = process.argv;
let writes = 0;

/** Counts the step, and dies in front of it or, every other time, right behind it. */
async function step<Result>(work: () => Promise<Result>): Promise<Result> {
  writes += 1;
  const isLast = writes === Number(dieAt);
  if (isLast && writes % 2 === 0) process.kill(process.pid, "SIGKILL");
  const result = await work();
  if (isLast) process.kill(process.pid, "SIGKILL");
  return result;
}
for (const name of ["open", "rename", "rm"] as const) {
  const original = fs[name] as (...values: readonly unknown[]) => Promise<unknown>;
  Object.assign(fs, { [name]: (...values: readonly unknown[]) => step(() => original(...values)) });
}
syncBuiltinESMExports();

const { fileStorage, openLog } = await import("../src/audit/log/index.js");
const { testSigner } = await import("./audit-kit.js");
const storage = await fileStorage(folder);
const log = openLog({ storage, origin: "log.example/audit", signer: testSigner("log.example/audit", "one") });
for (let at = 0; at < 700; ) {
  const count = [100, 1, 150, 10][at % 4] ?? 5;
  const { size } = await log.append(Array.from({ length: count }, (_, place) => Buffer.from(`{"leaf":${at + place}}`)));
  process.stdout.write(`${size}\n`);
  at = size;
  await log.checkpoint();
}
await storage.close();
