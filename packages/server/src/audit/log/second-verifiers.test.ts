// What is written here is read by programs that share no line with it: one in Python from our documentation, and one by the
// Go project's implementation of notes, tiles and proofs (golang.org/x/mod/sumdb).
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testKey, testSigner, writeTestLog } from "../../../test/audit-kit.js";
import { fileStorage } from "./file-storage.js";
import { findProof } from "./prove-leaf.js";

const origin = "log.example/audit";
const signer = testSigner(origin, "one");
const verifiers = fileURLToPath(new URL("../../../test/audit-verifiers/", import.meta.url));
const isRequired = process.env["SEGNO_REQUIRE_PEERS"] === "1";
const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/go/bin", "/usr/lib/go/bin"];
const find = (name: string) => folders.map((folder) => join(folder, name)).find((file) => existsSync(file));

let place: string;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), "segno-second-"));
  for (const size of [1, 255, 256, 257, 1_000]) await writeTestLog(join(place, String(size)), signer, size);
  // two rows of full tiles, and a third one
  await writeTestLog(join(place, "66000"), signer, 66_000, 11_000);
  writeFileSync(join(place, "keys.txt"), `# the log's key\n${testKey(signer)} from=0\n`);
}, 60_000);
afterAll(() => rmSync(place, { recursive: true }));

const python = find("python3");
describe.skipIf(python === undefined && !isRequired)("R099: a verifier in Python", () => {
  const verify = (folder: string) => {
    const script = join(verifiers, "verify_log.py");
    const { status, stdout, stderr } = spawnSync(python ?? "python3", [script, folder, join(place, "keys.txt")]);
    return { status, said: `${stdout}${stderr}`.trim() };
  };

  it.each([1, 255, 256, 257, 1_000, 66_000])("finds a log of %d leaves sound", (size) => {
    expect(verify(join(place, String(size)))).toEqual({ status: 0, said: `sound: ${size} leaves of ${origin}` });
  });

  it.each([
    ["tile/entries/001", 500, /leaf 258 does not have its hash/],
    ["tile/0/001", 500, /leaf 27\d/],
    ["tile/1/000.p/3", 40, /tile 1\/0/],
    ["checkpoint", 30, /signature|not the last|trusted/],
    ["checkpoints", 30, /signature|trusted|not the last/],
  ])("finds a byte of %s that was flipped", (path, at, reason) => {
    const file = join(place, "1000", path);
    const bytes = readFileSync(file);
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    writeFileSync(file, copy);
    const { status, said } = verify(join(place, "1000"));
    writeFileSync(file, bytes);
    expect(said).toMatch(reason);
    expect(status).toBe(1);
  });
});

describe("R099: the Go project's notes, tiles and proofs", () => {
  const go = find("go");
  let program: string | undefined;
  let missing = go === undefined ? "Go was not found" : undefined;
  beforeAll(() => {
    if (go === undefined) return;
    program = join(place, "verify");
    const environment = { ...process.env, GOFLAGS: "-mod=mod" };
    const { status, stderr } = spawnSync(go, ["build", "-o", program, "."], {
      cwd: join(verifiers, "go"),
      env: environment,
    });
    if (status !== 0) missing = `its module could not be built: ${String(stderr).split("\n").at(-2)}`;
  }, 120_000);

  it.for([1, 256, 257, 1_000, 66_000])("accept a log of %d leaves", async (size, { skip }) => {
    if (missing !== undefined && isRequired) throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${missing}.`);
    skip(missing !== undefined, `skipped: ${missing}`);
    const folder = join(place, String(size));
    const storage = await fileStorage(folder, { isWritable: false });
    const { proof = "" } = await findProof(storage, { index: Math.floor(size / 2) });
    const proofFile = join(place, `${size}.tlog-proof`);
    writeFileSync(proofFile, proof);
    const indexes = [0, Math.floor(size / 3), size - 1].map(String);
    const said = execFileSync(program ?? "", [folder, testKey(signer), proofFile, ...indexes]).toString();
    expect(said.trim()).toBe(`sound: ${size} leaves`);
  });
});
