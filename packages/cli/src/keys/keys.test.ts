import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliDatabase, cliDatabases } from "../../test/databases.js";
import { makeFolder, runCli } from "../../test/run-cli.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
const folder = makeFolder({
  "start.ts": `import { createSegno } from "@segno/server";
export const segno = createSegno({ email: { send: async () => {} } });
await segno.ready({ background: true });
`,
});
afterAll(folder.remove);

interface StatusJson {
  readonly keys: readonly { readonly kid: string; readonly state: string }[];
}

for (const kind of cliDatabases) {
  describe.skipIf(kind.skipped !== undefined)(`segno keys on ${kind.name}`, () => {
    let database: CliDatabase;
    const segno = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      runCli(args, {
        cwd: folder.path,
        env: { SEGNO_DATABASE_URL: database.url, SEGNO_SECRET: secret, NODE_ENV: "development", ...env },
      });
    const status = async () => {
      const { json } = await segno(["keys", "status", "--json"]);
      const { keys } = json() as unknown as StatusJson;
      return { all: keys, kidOf: (state: string) => keys.find((key) => key.state === state)?.kid ?? "" };
    };
    beforeEach(async () => {
      database = await kind.create();
    });
    afterEach(() => database.drop());

    it("does not migrate on the way", async () => {
      const { code, json } = await segno(["keys", "status", "--json"]);
      expect(code).toBe(1);
      expect(json()).toMatchObject({ error: { code: "schema_pending", fix: "segno migrate apply" } });
    });

    it("shows, rotates and ends keys; the second rotation must wait for caches", async () => {
      await segno(["migrate", "apply", "--yes"]);
      const before = await status();
      expect(before.all.map(({ state }) => state).toSorted()).toEqual(["published", "signing"]);
      const text = await segno(["keys", "status"]);
      expect(text.code).toBe(0);
      expect(text.stdout).toContain("verifiers: 0 seen");

      expect((await segno(["keys", "rotate"])).code).toBe(2);
      const young = await segno(["keys", "rotate", "--yes", "--json"]);
      expect(young.code).toBe(1);
      expect(young.json()).toMatchObject({
        error: { code: "conflict", cause: expect.stringContaining("may sign in") },
      });
      const rotated = await segno(["keys", "rotate", "--at-once", "--yes", "--json"]);
      expect(rotated.code).toBe(0);
      expect(rotated.json()).toMatchObject({
        rotated: { kid: before.kidOf("published"), previousKid: before.kidOf("signing"), wasPublished: true },
      });

      const kid = before.kidOf("published");
      const ended = await segno(["keys", "compromise", kid, "--since", "2026-01-01T00:00:00Z", "--yes", "--json"]);
      expect(ended.code).toBe(0);
      expect(ended.json()).toMatchObject({ report: { kid, isFirst: true, sessionsRevoked: 0 } });
      const after = await status();
      expect(after.kidOf("compromised")).toBe(kid);
      expect(after.kidOf("signing")).not.toBe("");
      const again = await segno(["keys", "compromise", kid, "--since", "2026-01-01T00:00:00Z", "--yes"]);
      expect(again.stdout).toContain("this went on where that stopped");
    });

    it("refuses a secret the keys were not sealed with, and quotes none", async () => {
      await segno(["doctor", "--config", "start.ts"], { SEGNO_TRUSTED_PROXIES: "socket" });
      const wrong = { SEGNO_SECRET: "1:another-secret-9876543210-zyxwvutsrqponm" };
      const { stdout, stderr } = await segno(["keys", "rotate", "--at-once", "--yes", "--json"], wrong);
      expect(stdout + stderr).not.toMatch(/another-secret|first-secret|\n\s+at /);
    });
  });
}

describe("segno keys", () => {
  const since = ["--since", "2026-01-01T00:00:00Z"];
  const kid = `-${"k".repeat(42)}`;
  it.each([
    [["rotate", "--purpose", "coffee"], 'There is no purpose "coffee".'],
    [["compromise", ...since], "KID is missing."],
    [["compromise", "a", "b", ...since], '"b" is too much.'],
    [["compromise", "a"], "--since is missing."],
    [["compromise", "a", "--since", "yesterday"], '--since "yesterday" is no time with an offset.'],
    [["compromise", "a", "--since", "2026-01-01T00:00:00"], '--since "2026-01-01T00:00:00" is no time with an offset.'],
    [
      ["compromise", "a", "--since", "2026-13-01T00:00:00Z"],
      '--since "2026-13-01T00:00:00Z" is no time with an offset.',
    ],
  ])("refuses %j", async (args, cause) => {
    const { code, json } = await runCli(["keys", ...args, "--json"], { cwd: folder.path });
    expect(code).toBe(2);
    expect(json()).toMatchObject({ error: { code: "usage", cause } });
  });

  it("says that there is no such key, also when its id begins like an option", async () => {
    const env = { SEGNO_DATABASE_URL: "./none.db", SEGNO_SECRET: secret };
    await runCli(["migrate", "apply", "--yes"], { cwd: folder.path, env });
    const { code, json } = await runCli(["keys", "compromise", kid, ...since, "--yes", "--json"], {
      cwd: folder.path,
      env,
    });
    expect(code).toBe(1);
    expect(json()).toMatchObject({ error: { code: "not_found", fix: expect.stringContaining("segno keys status") } });
  });
});
