import { afterAll, describe, expect, it } from "vitest";
import { makeFolder, runCli } from "../../test/run-cli.js";

const folder = makeFolder();
afterAll(folder.remove);
const env = {
  SEGNO_DATABASE_URL: "hunt.db",
  SEGNO_SECRET: "1:first-secret-0123456789-abcdefghijklmnop",
  NODE_ENV: "development",
};
const segno = (...args: string[]) => runCli(args, { cwd: folder.path, env });

describe("segno hunt", () => {
  it("lists what it looks for, finds nothing in an empty store, and refuses what is no hunt and no time", async () => {
    expect((await segno("migrate", "apply", "--yes")).code).toBe(0);
    const list = await segno("hunt", "--list", "--json");
    const { hunts } = list.json() as { hunts: { name: string; runbook: string }[] };
    expect(hunts.length).toBeGreaterThanOrEqual(10);
    const clean = await segno("hunt");
    expect([clean.code, clean.stdout.trim()]).toEqual([0, "Nothing was found."]);
    for (const args of [
      ["--only", "no-such-hunt"],
      ["--since", "yesterday"],
    ]) {
      const refused = await segno("hunt", ...args, "--json");
      expect(refused.code).toBe(1);
      expect(refused.json()).toMatchObject({ error: { code: "invalid_input" } });
    }
  });
});
