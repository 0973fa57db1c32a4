import { execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testKey, testSigner, writeTestLog } from "../../../server/test/audit-kit.js";
import { cliDatabases } from "../../test/databases.js";
import { command, makeFolder, runCli } from "../../test/run-cli.js";
import { leafText } from "./leaf-text.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
const signer = testSigner("log.example/audit", "one");
let folder: ReturnType<typeof makeFolder>;
beforeEach(async () => {
  folder = makeFolder({ "keys.txt": `${testKey(signer)}\n` });
  await writeTestLog(join(folder.path, "log"), signer, 400, 100);
});
afterEach(() => folder.remove());
const cli = (...args: readonly string[]) => runCli(["audit", ...args], { cwd: folder.path });
const file = (path: string) => join(folder.path, path);

describe("R099: segno audit verify", () => {
  it("says that a log is sound, how far, and what it could not see", async () => {
    const { code, stdout } = await cli("verify", "log", "--keys", "keys.txt");
    expect(stdout).toMatch(/The log is sound\..*leaves +400, signed up to 400.*checkpoints +4.*Not seen here/s);
    expect(code).toBe(0);
  });

  it("ends with 1, the place and the reason when a byte was changed", async () => {
    const path = file("log/tile/entries/000");
    const bytes = readFileSync(path);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const text = await cli("verify", "log", "--keys", "keys.txt");
    expect(text.stdout).toContain("leaf_changed in tile/entries/000, leaf 0: the leaf is not what was logged");
    const result = await cli("verify", "log", "--keys", "keys.txt", "--json");
    expect(result.code).toBe(1);
    expect(result.json()).toMatchObject({
      ok: false,
      report: { problems: [{ code: "leaf_changed", from: 0, to: 1 }] },
    });
  });

  it("holds it against a checkpoint that was kept elsewhere", async () => {
    writeFileSync(file("kept"), readFileSync(file("log/checkpoint")));
    folder.write("keys.txt", `${testKey(signer)}\n`);
    await writeTestLog(file("shorter"), signer, 300, 100);
    const { code, stdout } = await cli("verify", "shorter", "--keys", "keys.txt", "--known", "kept");
    expect(stdout).toContain("rolled_back");
    expect(code).toBe(1);
  });

  it.each([
    [["verify", "log"], 2, "--keys is missing"],
    [["verify", "log", "--keys", "nothing.txt"], 1, "nothing.txt cannot be read"],
    [["verify", "nothing", "--keys", "keys.txt"], 1, "nothing/checkpoint cannot be read"],
    [["verify", "log", "--keys", "log/checkpoint"], 1, "Keys line 1"],
    [["verify", "log", "--keys", "keys.txt", "--retention", "x"], 2, "--retention"],
    [["verify", "log", "--keys", "keys.txt", "--clock-tolerance", "-x"], 2, "clock-tolerance"],
    [["prove", "--log", "log"], 2, "Name one leaf"],
    [["prove", "--log", "log", "--event", "nobody"], 1, "no such leaf"],
    [["prove", "--log", "log", "--index", "400"], 1, "no such leaf"],
    [["check-proof", "keys.txt", "--keys", "keys.txt"], 1, "does NOT hold: this is no proof"],
    [["witness", "--name", "w"], 2, "--key is missing"],
  ] as const)("tells what is wrong with %j", async (args, code, said) => {
    const result = await cli(...args);
    expect(`${result.stdout}${result.stderr}`).toContain(said);
    expect(result.stderr).not.toContain("    at ");
    expect(result.code).toBe(code);
  });
});

describe("R099: one leaf", () => {
  it("is proven in a file that is checked without the log", async () => {
    expect(await cli("prove", "--log", "log", "--event", "event-217")).toMatchObject({ code: 0 });
    const checked = await cli("check-proof", "event-217.tlog-proof", "--keys", "keys.txt");
    expect(checked.stdout).toMatch(
      /The proof holds: leaf 217 of log\.example\/audit at 400 leaves.*event\.id +event-217/s,
    );
    expect(checked.code).toBe(0);
    const text = readFileSync(file("event-217.tlog-proof"), "utf8");
    writeFileSync(file("other.tlog-proof"), text.replace("index 217", "index 218"));
    const refused = await cli("check-proof", "other.tlog-proof", "--keys", "keys.txt", "--json");
    expect(refused.json()).toMatchObject({ ok: false, reason: "the leaf is not in the tree of this checkpoint" });
    expect(refused.code).toBe(1);
  });

  it("is shown in plain words, and nothing in it reaches the terminal as a command", async () => {
    const shown = await cli("show", "--log", "log", "--index", "3");
    expect(shown.stdout).toMatch(/^leaf 3\n.*event\.type +login\.success.*retention\.class +default/s);
    expect(leafText(Buffer.from('{"a":"\\u001b[2J\\u202e"}')).text).toBe(`  ${"a".padEnd(28)} \\u{1b}[2J\\u{202e}`);
    expect(leafText(Buffer.from('{"expired":"token"}')).text).toBe("  [expired by class token]");
    const sealed = Buffer.from('{"personal":{"ip":"sealed"},"v":1}');
    expect(leafText(sealed).text).toContain("[sealed]");
    expect(leafText(sealed, () => ({ ip: "192.0.2.1" })).text).toContain("192.0.2.1");
    expect(leafText(sealed, () => undefined).text).toContain("[erased]");
    expect(leafText(Buffer.from("\u0007")).text).toContain("(no JSON) \\u{7}");
  });
});

type Segno = (...args: readonly string[]) => ReturnType<typeof runCli>;

/** Asks a witness that runs as a server, as its operator would start it. */
async function askRealWitness(segno: Segno, keys: string): Promise<void> {
  writeKey("w.pem");
  folder.write("log-keys.txt", keys);
  const port = await freePort();
  const args = ["--name", "witness.example/w", "--key", "w.pem", "--keys", "log-keys.txt", "--state", "w"];
  const witness = spawn(process.execPath, [...command, "audit", "witness", ...args, "--listen", String(port)], {
    cwd: folder.path,
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    let said = "";
    for await (const chunk of witness.stderr) {
      said += String(chunk);
      if (said.includes("listening")) break;
    }
    const key = /^witness\S+$/m.exec(said)?.[0] ?? "";
    folder.write("policy.txt", `witness w ${key}\nquorum w\n`);
    const url = `http://127.0.0.1:${port}`;
    const asked = await segno("ask-witness", "--url", url, "--witness-key", key, "--config", "segno.mjs");
    expect(`${asked.stdout}${asked.stderr}`).toContain("witness.example/w cosigned the log");
    const away = `http://127.0.0.1:${await freePort()}`;
    const missed = await segno("ask-witness", "--url", away, "--witness-key", key, "--config", "segno.mjs");
    expect(missed.stderr).toContain("No witness answers");
  } finally {
    witness.kill();
  }
}

/** As openssl genpkey -algorithm ed25519 writes it. */
function writeKey(name: string): void {
  const { privateKey } = generateKeyPairSync("ed25519");
  folder.write(name, String(privateKey.export({ type: "pkcs8", format: "pem" })));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const kind of cliDatabases) {
  describe.skipIf(kind.skipped !== undefined)(`R099: the log of an engine on ${kind.name}`, () => {
    it("is exported, verifies with the keys the engine names, and its leaves are proven and shown", async () => {
      const database = await kind.create();
      folder.write(
        "segno.mjs",
        `import { createSegno } from "@segno/server";
        export const segno = createSegno({ email: { send: async () => {} }, audit: {} });`,
      );
      folder.write(
        "service.mjs",
        `import { segno } from "./segno.mjs";
        await segno.ready({ background: false });
        await segno.api.keys.rotate({ atOnce: true });
        await segno.api.audit.settle();
        await segno.close();`,
      );
      const env = { SEGNO_DATABASE_URL: database.url, SEGNO_SECRET: secret, NODE_ENV: "development" };
      const options = { cwd: folder.path, env: { PATH: process.env["PATH"] ?? "", ...env } };
      execFileSync(process.execPath, [...command.slice(0, -1), "service.mjs"], options);
      const segno = (...args: readonly string[]) => runCli(["audit", ...args], { cwd: folder.path, env });
      const status = (await segno("status", "--config", "segno.mjs", "--json")).json();
      const { keys, size } = status["status"] as { readonly keys: string; readonly size: number };
      expect(size).toBeGreaterThan(1);
      folder.write("engine-keys.txt", keys);
      const exported = await segno("export", "out", "--config", "segno.mjs");
      expect(exported.stdout).toContain(`out has ${size} leaves, ${size} of them new`);
      const verified = await segno("verify", "out", "--keys", "engine-keys.txt");
      expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining(`leaves       ${size}, signed`) });
      expect((await segno("prove", "--index", "1", "--config", "segno.mjs", "--out", "p")).code).toBe(0);
      expect((await segno("check-proof", "p", "--keys", "engine-keys.txt")).stdout).toContain("event.type");
      expect((await segno("show", "--index", "1", "--config", "segno.mjs")).stdout).toMatch(/^leaf 1\n.*event\.time/s);
      await askRealWitness(segno, keys);
      expect((await segno("export", "out", "--config", "segno.mjs")).code).toBe(0);
      const witnessed = await segno("verify", "out", "--keys", "engine-keys.txt", "--policy", "policy.txt");
      expect(witnessed.stdout).toMatch(/is sound.*cosigned by +w at /s);
      await database.drop();
    }, 90_000);
  });
}

describe("R099: segno audit witness", () => {
  it("cosigns a log that grows and refuses one that was rolled back; a policy then verifies", async () => {
    writeKey("w.pem");
    const args = ["witness", "--name", "witness.example/w", "--key", "w.pem", "--keys", "keys.txt", "--state", "w"];
    const key = (await cli(...args, "--show-key")).stdout.trim();
    folder.write("policy.txt", `witness w ${key}\nquorum w\n`);
    const signed = await cli(...args, "--log", "log");
    expect(signed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\u2014 witness\.example\/w \S+\n$/) });
    expect((await cli("verify", "log", "--keys", "keys.txt", "--policy", "policy.txt")).stdout).toContain(
      "witnesses_missing",
    );
    await writeTestLog(file("log"), signer, 410);
    expect(await cli(...args, "--log", "log", "--keep")).toMatchObject({ code: 0 });
    const verified = await cli("verify", "log", "--keys", "keys.txt", "--policy", "policy.txt");
    expect(verified.stdout).toMatch(/is sound.*cosigned by +w at /s);
    await writeTestLog(file("rolled"), signer, 300, 100);
    const refused = await cli(...args, "--log", "rolled");
    expect(refused.stderr).toMatch(/rolled back/);
    expect(refused.code).toBe(1);
  }, 60_000);
});
