import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StoreSource } from "@segno/server/storage/sql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testDatabases, type TestDatabase } from "../test/stores.js";
import { createSegno, type Segno, type SegnoOptions, silentLogger } from "./index.js";
import { migrations } from "./storage/migrations/index.js";

const options: SegnoOptions = {
  baseUrl: "https://app.example.com",
  secret: "1:first-secret-0123456789-abcdefghijklmnop",
  clientIp: { source: "socket" },
  production: false,
  logger: silentLogger,
};
const loader = new URL("../test/source-loader.mjs", import.meta.url).href;
const script = fileURLToPath(new URL("../test/killed-migration.ts", import.meta.url));
const engines: Segno[] = [];
const engineOn = (source: StoreSource | string, further: SegnoOptions = {}): Segno => {
  const segno = createSegno({ ...options, ...further, database: source });
  engines.push(segno);
  return segno;
};
afterEach(async () => {
  for (const segno of engines.splice(0)) await segno.close();
});

for (const kind of testDatabases.filter(({ name }) => !name.includes("memory"))) {
  describe.skipIf(kind.skipped !== undefined)(`the schema apart from the engine, on ${kind.name}`, () => {
    let database: TestDatabase;
    beforeEach(async () => {
      database = await kind.create();
    });
    afterEach(async () => {
      for (const segno of engines.splice(0)) await segno.close();
      await database.drop();
    });

    it("shows what is missing with its SQL and changes nothing, then applies it and shows when", async () => {
      const { schema } = engineOn(database.source());
      const before = await schema.status();
      expect(before.state).toBe("pending");
      expect(before.migrations[0]).toMatchObject({ number: 1, name: "schema", state: "pending", appliedAtMs: null });
      expect(before.migrations[0]?.statements.join("\n")).toContain("create table segno_users");
      expect(await schema.status()).toEqual(before);

      const steps: string[] = [];
      const applied = await schema.apply({
        onStep: (step) => steps.push(`${step.number}: ${step.statement}/${step.of}`),
      });
      expect(applied).toEqual(migrations.map(({ number }) => number));
      expect(steps).toHaveLength(before.migrations.flatMap(({ statements }) => statements).length);
      const after = await schema.status();
      expect(after.state).toBe("current");
      expect(after.migrations[0]?.appliedAtMs).toBeGreaterThan(0);
      expect(await schema.apply()).toEqual([]);
    });

    it("lets one of several appliers work while the others wait and find nothing to do", async () => {
      const all = [0, 1, 2, 3].map(() => engineOn(database.source()));
      const applied = await Promise.all(all.map(({ schema }) => schema.apply()));
      expect(applied.flat()).toEqual(migrations.map(({ number }) => number));
    });

    it('with migrations: "check", refuses to start while one is missing, and starts once they are applied', async () => {
      const waiting = engineOn(database.source(), { migrations: "check" });
      await expect(waiting.ready()).rejects.toMatchObject({ code: "store_unavailable" });
      expect((await waiting.schema.status()).state).toBe("pending");
      await waiting.schema.apply();
      await waiting.ready();
      expect((await waiting.health()).status).toBe("ready");
    });

    it("leaves the schema as it was when it is killed, at whatever statement, and can be run again", async () => {
      const { schema } = engineOn(database.source());
      const before = await schema.status();
      const statements = before.migrations[0]?.statements.length ?? 0;
      for (const dieAt of [1, 2, Math.ceil(statements / 2), statements]) {
        const args = ["--import", loader, script, database.address ?? "", String(dieAt)];
        expect(spawnSync(process.execPath, args, { stdio: "ignore" }).signal).toBe("SIGKILL");
        expect(await schema.status()).toEqual(before);
      }
      expect(await schema.apply()).toEqual(migrations.map(({ number }) => number));
    });

    it("says which migration was changed or is newer, and applies nothing there", async () => {
      const { schema } = engineOn(database.source());
      await schema.apply();
      const store = await database.source().open();
      await store.db
        .insertInto("segno_migrations")
        .values({ number: 99, name: "from-the-future", checksum: "x", applied_at: 5 })
        .execute();
      const newer = await schema.status();
      expect(newer.state).toBe("newer");
      expect(newer.migrations.at(-1)).toEqual({
        number: 99,
        name: "from-the-future",
        state: "newer",
        appliedAtMs: 5,
        statements: [],
      });
      await expect(schema.apply()).rejects.toMatchObject({ code: "store_unavailable", detail: { number: 99 } });
      await store.db.deleteFrom("segno_migrations").where("number", "=", 99).execute();
      await store.db.updateTable("segno_migrations").set({ checksum: "other" }).where("number", "=", 1).execute();
      expect(await schema.status()).toMatchObject({ state: "changed" });
      await expect(schema.apply()).rejects.toMatchObject({ code: "store_unavailable", detail: { number: 1 } });
      await store.close();
    });
  });
}

describe("without a database", () => {
  const folder = mkdtempSync(join(tmpdir(), "segno-schema-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("makes no file while it only looks, nor when it may not migrate", async () => {
    const file = join(folder, "new", "segno.db");
    const segno = engineOn(file, { migrations: "check" });
    expect((await segno.schema.status()).state).toBe("pending");
    await segno.inspect();
    await expect(segno.ready()).rejects.toMatchObject({ code: "store_unavailable" });
    expect(existsSync(join(folder, "new"))).toBe(false);
  });

  it("takes no other word for migrations than auto and check", () => {
    expect(() => createSegno({ ...options, migrations: "never" as "auto" })).toThrow('migrations: must be "auto" or');
  });
});
