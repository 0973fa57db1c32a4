import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFolder, runCli } from "../../test/run-cli.js";

const folder = makeFolder({
  "segno.ts": `import { createSegno } from "@segno/server";
export const segno = createSegno({ audit: {}, email: { send: async () => {} } });
`,
  "service.ts": `import { createSegno } from "@segno/server";
export const segno = createSegno({ audit: {}, email: { send: async () => {} } });
await segno.ready({ background: true });
await segno.api.keys.rotate({ atOnce: true });
await segno.api.audit.settle();
await segno.close();
`,
});
afterAll(folder.remove);
const env = {
  SEGNO_DATABASE_URL: "./segno.db",
  SEGNO_SECRET: "1:first-secret-0123456789-abcdefghijklmnop",
  SEGNO_CONFIG: "./segno.ts",
  NODE_ENV: "development",
};
const cli = (...args: readonly string[]) => runCli(args, { cwd: folder.path, env });
const file = (name: string) => join(folder.path, name);

describe("segno evidence, and what the audit log answers", () => {
  beforeAll(async () => {
    await cli("doctor", "--config", "service.ts");
    const { privateKey } = generateKeyPairSync("ed25519");
    folder.write("me.pem", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  }, 60_000);

  it("R100: lists who did what and when", async () => {
    const { code, stdout } = await cli("audit", "list", "--type", "key.*");
    expect(stdout).toMatch(/key\.created.*leaf 0\n {2}by +system/);
    expect(stdout).toContain("key.rotated");
    expect(code).toBe(0);
    const one = await cli("audit", "list", "--type", "key.rotated", "--limit", "1", "--json");
    expect(one.json()).toMatchObject({ ok: true, entries: [{ type: "key.rotated", personal: null }] });
    expect((await cli("audit", "list", "--subject", "nobody")).stdout).toContain("No entry.");
  });

  it("R103: says that all there is has its entry", async () => {
    const { code, stdout } = await cli("audit", "completeness");
    expect(stdout).toMatch(/^100\.00 % of \d+ changes/);
    expect(code).toBe(0);
  });

  it("R104: builds, hands over and verifies; what was tampered with is named", async () => {
    const built = await cli("evidence", "build", "--type", "key.*", "--out", "e.zip", "--json");
    expect(built.json()).toMatchObject({ ok: true, out: "e.zip" });
    expect((await cli("evidence", "build", "--type", "key.*", "--out", "e.zip")).code).toBe(1);
    await cli("evidence", "build", "--type", "key.*", "--out", "again.zip");
    expect(readFileSync(file("again.zip")).equals(readFileSync(file("e.zip")))).toBe(true);
    const why = ["--from", "Ada", "--to", "Audit Ltd", "--reason", "SOC 2", "--key", "me.pem"];
    expect((await cli("evidence", "hand-over", "e.zip", ...why)).stdout).toContain("hand-over 1");
    const verified = await runCli(["evidence", "verify", "e.zip"], { cwd: folder.path, env: {} });
    expect(verified.stdout).toMatch(/e\.zip holds.*Ada to Audit Ltd: SOC 2/s);
    expect(verified.code).toBe(0);
    await cli("evidence", "build", "--type", "key.*", "--out", "plain");
    const table = readFileSync(file("plain/result.csv"), "utf8");
    writeFileSync(file("plain/result.csv"), table.replace("success", "failure"));
    const bad = await cli("evidence", "verify", "plain");
    expect(bad.stdout).toContain("result.csv was changed");
    expect(bad.code).toBe(1);
    expect((await cli("evidence", "hand-over", "plain", ...why)).code).toBe(1);
  });

  it.each([
    [["evidence", "build"], 2, "--out is missing"],
    [["evidence", "build", "--out", "x", "--since", "yesterday"], 2, "no time with an offset"],
    [["evidence", "build", "--out", "x", "--type", "Key;"], 2, "no event type"],
    [["evidence", "verify", "none.zip"], 1, "no bundle"],
    [["evidence", "verify", "segno.ts"], 1, "no evidence bundle"],
    [["evidence", "hand-over", "e.zip"], 2, "--from is missing"],
    [["audit", "list", "--limit", "x"], 2, "no whole number"],
  ])("refuses %j", async (args, code, cause) => {
    const result = await cli(...args, "--json");
    expect(result.code).toBe(code);
    expect(JSON.stringify(result.json())).toContain(cause);
  });
});
