import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { encodeLeaf } from "../leaf/leaf.js";
import { formatVerifierKey, openLog, parseTrustedKeys, signatureTypes, verifierKeyOf } from "../log/index.js";
import { memoryStorage } from "../log/memory-storage.double.js";
import { buildBundle } from "./build-bundle.js";
import { readBundle, replaceBundle, writeBundle } from "./bundle-file.js";
import { handOver } from "./hand-over.js";
import { custodyName } from "./manifest.js";
import { verifyBundle } from "./verify-bundle.js";
import { type BundleFiles, decodeZip, encodeZip } from "./zip.js";

const origin = "log.example/audit";
const signer = testSigner(origin, "one");
const keysText = (from = signer) =>
  `${formatVerifierKey(verifierKeyOf(origin, signatureTypes.ed25519, from.publicKey))}\n`;
const folder = mkdtempSync(join(tmpdir(), "segno-evidence-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const leafAt = (index: number) =>
  encodeLeaf({
    v: 1,
    position: index + 1,
    type: index % 2 === 0 ? "consent.granted" : "login.success",
    event: {
      id: `event-${index}`,
      type: "wire",
      time: new Date(1_767_225_600_000 + index * 1000).toISOString(),
      subject: `user-${index % 3}`,
      actorid: "=cmd()",
      data: { purpose: 'a "quoted", list', before: null, after: index },
    },
    retention: { class: "default" },
  });

async function build(): Promise<BundleFiles> {
  const storage = memoryStorage();
  const audit = openLog({ storage, origin, signer });
  await audit.append(Array.from({ length: 300 }, (_, index) => leafAt(index)));
  await audit.checkpoint();
  const tool = { name: "segno", version: "0.0.0" };
  return await buildBundle({
    audit,
    storage,
    query: { subject: "user-0", type: "consent.*" },
    keys: keysText(),
    signer,
    tool,
  });
}

const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const passOn = (files: BundleFiles, to: string, privateKey = pem) =>
  handOver(files, { from: "Ada", to, reason: "audit 2026", atMs: 1_767_225_600_000, privateKey });

describe("evidence", () => {
  let files: BundleFiles;
  beforeEach(async () => {
    files = await build();
  });

  it("R104: verifies offline, by itself and by keys from elsewhere; the same log gives the same bytes", async () => {
    const verdict = verifyBundle(files, parseTrustedKeys(keysText()));
    expect(verdict).toMatchObject({ ok: true, faults: [], entries: 50, handOvers: [], keysFrom: "given" });
    expect(verifyBundle(files)).toMatchObject({ ok: true, keysFrom: "bundle" });
    expect(Buffer.compare(encodeZip(files), encodeZip(await build()))).toBe(0);
    expect(Buffer.from(files.get("result.csv") ?? []).toString()).toContain(",'=cmd(),");
  });

  it("R104: names the file that was tampered with, whichever byte it was", { timeout: 120_000 }, () => {
    const small = new Map(
      [...files].filter(([name]) => !name.startsWith("proofs/") || name.endsWith("0000000.tlog-proof")),
    );
    expect(small.size).toBe(7);
    const step = process.env["CI"] === undefined ? 97 : 23;
    let flipped = 0;
    for (const [name, bytes] of small) {
      for (let at = 0; at < bytes.length; at += step) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        const { ok, faults } = verifyBundle(new Map([...files, [name, changed]]), parseTrustedKeys(keysText()));
        expect(ok, `${name} at ${at}`).toBe(false);
        // a manifest that still reads points at what it does not describe any more
        if (name !== "manifest.json") expect(faults.map(({ file }) => file)).toContain(name);
        flipped += 1;
      }
    }
    expect(flipped).toBeGreaterThan(6_900 / step);
    const without = new Map([...files].filter(([name]) => name !== "result.csv"));
    expect(verifyBundle(without).faults).toContainEqual({ file: "result.csv", reason: "is missing" });
    const more = new Map([...files, ["notes.txt", Buffer.from("x")]]);
    expect(verifyBundle(more).faults).toContainEqual({ file: "notes.txt", reason: "was added" });
  });

  it("R104: a bundle that was made up whole is refused by the keys of the log", async () => {
    const other = testSigner(origin, "other");
    expect(verifyBundle(files, parseTrustedKeys(keysText(other))).ok).toBe(false);
  });

  it("R121: keeps who gave it to whom, when and why, as a chain that no line leaves unseen", () => {
    const twice = passOn(passOn(files, "Bob"), "Eve");
    const verdict = verifyBundle(twice);
    expect(verdict.ok).toBe(true);
    expect(verdict.handOvers.map(({ from, to }) => `${from} > ${to}`)).toEqual(["Ada > Bob", "Ada > Eve"]);
    expect(verdict.handOvers[1]?.before).toBe(verdict.handOvers[0]?.after);
    const lines = Buffer.from(twice.get(custodyName) ?? [])
      .toString()
      .split("\n");
    const broken = (text: string) => verifyBundle(new Map([...twice, [custodyName, Buffer.from(text)]])).faults;
    expect(broken(`${lines[1]}\n`)).toEqual([
      { file: custodyName, reason: "line 1 does not go on from what stands before it" },
    ]);
    expect(broken(`${lines[0]?.replace("Bob", "Eve")}\n`)).toEqual([
      { file: custodyName, reason: "line 1 does not come to the hash it names" },
    ]);
    expect(broken(`${lines[0]}\n${lines[1]?.slice(0, 50)}`)[0]?.reason).toBe("it ends in the middle of a line");
    expect(() => passOn(files, " ")).toThrowError(/from whom, to whom and why/);
    expect(() => passOn(files, "Bob", "no key")).toThrowError(/no Ed25519 private key/);
  });

  it("is one ZIP that other programs read, or a folder; packed anew it is refused", async () => {
    const [zip, plain] = [join(folder, "e.zip"), join(folder, "e")];
    await writeBundle(zip, files);
    await writeBundle(plain, files);
    await expect(writeBundle(zip, files)).rejects.toMatchObject({ code: "conflict" });
    for (const path of [zip, plain]) {
      const read = await readBundle(path);
      expect(verifyBundle(read).ok).toBe(true);
      await replaceBundle(path, passOn(read, "Bob"));
      expect(verifyBundle(await readBundle(path)).handOvers).toHaveLength(1);
    }
    const listed = execFileSync("python3", ["-m", "zipfile", "-t", zip], { encoding: "utf8" });
    expect(listed).toContain("Done testing");
    const bytes = readFileSync(zip);
    expect(decodeZip(bytes.subarray(0, -1))).toBeUndefined();
    expect(decodeZip(Buffer.from("PK"))).toBeUndefined();
    writeFileSync(join(folder, "repacked.zip"), Buffer.concat([bytes, Buffer.from([0])]));
    await expect(readBundle(join(folder, "repacked.zip"))).rejects.toMatchObject({ code: "invalid_input" });
    await expect(readBundle(join(folder, "none"))).rejects.toMatchObject({ code: "not_found" });
  });
});
