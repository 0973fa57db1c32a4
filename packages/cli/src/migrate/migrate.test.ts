import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliDatabase, cliDatabases } from "../../test/databases.js";
import { makeFolder, runCli } from "../../test/run-cli.js";

const folder = makeFolder();
afterAll(folder.remove);

for (const kind of cliDatabases) {
  describe.skipIf(kind.skipped !== undefined)(`segno migrate on ${kind.name}`, () => {
    let database: CliDatabase;
    // a job that migrates holds no secret of the service
    const migrate = (...args: string[]) =>
      runCli(["migrate", ...args], {
        cwd: folder.path,
        env: { SEGNO_DATABASE_URL: database.url, NODE_ENV: "production" },
      });
    beforeEach(async () => {
      database = await kind.create();
    });
    afterEach(() => database.drop());

    it("plans with the SQL and changes nothing, applies, and then has nothing to do", async () => {
      const plan = await migrate("plan", "--json");
      expect(plan.code).toBe(1);
      expect(plan.json()).toMatchObject({ ok: false, state: "pending", pending: [{ number: 1, name: "schema" }] });
      const text = await migrate("plan");
      expect(text.stdout).toMatch(/^-- (sqlite|postgres) .*: pending\n\n-- 0001 schema\ncreate table segno_users \(/);
      if (kind.name === "sqlite") expect(existsSync(database.url)).toBe(false);

      const unsaid = await migrate("apply", "--json");
      expect(unsaid.code).toBe(2);
      expect(unsaid.json()).toMatchObject({ error: { code: "usage", fix: "Say it is meant: --yes" } });

      const applied = await migrate("apply", "--yes", "--json");
      expect(applied).toMatchObject({ code: 0, stderr: expect.stringContaining("applying 0001 schema") });
      expect(applied.json()).toMatchObject({ ok: true, state: "current", applied: [{ number: 1, name: "schema" }] });
      const again = await migrate("apply", "--json");
      expect(again).toMatchObject({ code: 0, stderr: "" });
      expect(again.json()).toMatchObject({ ok: true, applied: [] });
      expect(await migrate("plan")).toMatchObject({ code: 0, stdout: expect.stringMatching(/: current\n$/) });
    });

    it("lets two work at once: one applies, the other waits and finds nothing to do", async () => {
      const both = await Promise.all([migrate("apply", "--yes", "--json"), migrate("apply", "--yes", "--json")]);
      expect(both.map(({ code }) => code)).toEqual([0, 0]);
      expect(both.flatMap(({ json }) => json()["applied"])).toEqual([{ number: 1, name: "schema" }]);
    });

    it("explains a migration that was changed after it was applied", async () => {
      await migrate("apply", "--yes");
      await database.run("update segno_migrations set checksum = 'edited' where number = 1");
      const status = await migrate("status");
      expect(status.code).toBe(1);
      expect(status.stdout).toMatch(/0001 schema +changed, 20/);
      expect(status.stdout).toContain("Applied with other statements than this version has: 0001 schema.");
      const apply = await migrate("apply", "--yes", "--json");
      expect(apply.code).toBe(1);
      expect(apply.json()).toMatchObject({ error: { code: "schema_changed", fix: expect.stringContaining("backup") } });
    });

    it("refuses a database that is newer than this version", async () => {
      await migrate("apply", "--yes");
      await database.run("insert into segno_migrations values (99, 'from-the-future', 'x', 0)");
      const plan = await migrate("plan", "--json");
      expect(plan.code).toBe(1);
      expect(plan.json()).toMatchObject({
        state: "newer",
        error: { code: "schema_newer", cause: expect.stringContaining("0099 from-the-future") },
      });
      expect(await migrate("apply", "--yes")).toMatchObject({ code: 1, stdout: "" });
      expect((await migrate("status")).stdout).toMatch(/0099 from-the-future +newer/);
    });

    it("a process that may not migrate starts once it is done", async () => {
      folder.write(
        "check.ts",
        `import { createSegno, silentLogger } from "@segno/server";
export const segno = createSegno({ secret: "1:first-secret-0123456789-abcdefghijklmnop", production: false, migrations: "check", logger: silentLogger });
const state = await segno.ready({ background: true }).then(() => "started", (error) => error.message);
console.error(state);
`,
      );
      const start = () =>
        runCli(["migrate", "status", "--config", "check.ts"], {
          cwd: folder.path,
          env: { SEGNO_DATABASE_URL: database.url },
        });
      expect((await start()).stderr).toContain('Run "segno migrate apply"');
      await migrate("apply", "--yes");
      expect((await start()).stderr).toBe("started\n");
    });
  });
}

describe("a database that is not to be had", () => {
  it.each([
    ["postgres://app:hunter2secret@127.0.0.1:1/app", "ECONNREFUSED"],
    ["/dev/null/segno.db", "The database file cannot be made. (EEXIST)"],
  ])("%s: says so without its password", async (url, cause) => {
    const env = { SEGNO_DATABASE_URL: url };
    const { code, stdout, stderr, json } = await runCli(["migrate", "apply", "--yes", "--json"], {
      cwd: folder.path,
      env,
    });
    expect(code).toBe(1);
    expect(json()).toMatchObject({ ok: false, error: { cause: expect.stringContaining(cause) } });
    expect(stdout + stderr).not.toContain("hunter2secret");
  });

  it("a file that is no database is refused", async () => {
    folder.write(
      "text.db",
      "This is no database, but a text that is long enough to be taken for a page of one.\n".repeat(60),
    );
    const env = { SEGNO_DATABASE_URL: "./text.db" };
    const { code, json } = await runCli(["migrate", "status", "--json"], { cwd: folder.path, env });
    expect(code).toBe(1);
    expect(json()).toMatchObject({ error: { code: "store_unavailable" } });
  });
});
