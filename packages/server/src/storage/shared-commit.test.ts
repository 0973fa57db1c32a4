import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Kysely, sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sqliteDialect } from "./sqlite-dialect.js";

interface Tables {
  readonly t: { id: number; by: string };
}
type TestDb = Kysely<Tables>;

let folder: string;
let database: DatabaseSync;
let outside: DatabaseSync;
let db: TestDb;
let statements: string[];
let beforeCommit: (() => void) | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-commit-"));
  database = new DatabaseSync(join(folder, "a.db"));
  database.exec("pragma journal_mode = wal; create table t (id integer primary key, by text not null) strict");
  outside = new DatabaseSync(join(folder, "a.db"), { readOnly: true });
  statements = [];
  beforeCommit = undefined;
  const exec = database.exec.bind(database);
  vi.spyOn(database, "exec").mockImplementation((statement) => {
    statements.push(statement);
    if (statement === "commit") beforeCommit?.();
    exec(statement);
  });
  db = new Kysely<Tables>({ dialect: sqliteDialect(database, { isShared: true }) });
});
afterEach(async () => {
  outside.close();
  await db.destroy();
  rmSync(folder, { recursive: true, force: true });
});

const add = (on: TestDb, id: number, by = "x") => on.insertInto("t").values({ id, by }).execute();
const inTransaction = (id: number, then: (trx: TestDb) => unknown = () => {}) =>
  db.transaction().execute(async (trx) => {
    await add(trx, id);
    await then(trx);
    return id;
  });
const turnOfLoop = () => new Promise<void>((resolve) => setImmediate(resolve));
const stored = () =>
  outside
    .prepare("select id from t order by id")
    .all()
    .map((row) => Number(row.id));
const commits = () => statements.filter((statement) => statement === "commit").length;
const outcomes = async (work: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(work)).map(({ status }) => status === "fulfilled");
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("shared commit", () => {
  it("commits what is ready at the same time once, and tells nobody before", async () => {
    let told = 0;
    beforeCommit = () => {
      expect(told).toBe(0);
      expect(stored()).toEqual([]);
    };
    const work = numbers(10).map((id) => (id % 2 === 0 ? add(db, id) : inTransaction(id)).then(() => (told += 1)));
    await Promise.all(work);
    expect(stored()).toEqual(numbers(10));
    expect(statements.filter((statement) => statement === "begin immediate")).toHaveLength(1);
    expect(commits()).toBe(1);
  });

  it("also takes in what arrives in the same turn of the event loop, and nothing later", async () => {
    const first = inTransaction(1);
    await Promise.resolve();
    const second = inTransaction(2);
    await first;
    expect([stored(), commits()]).toEqual([[1, 2], 1]);
    await inTransaction(3);
    await second;
    expect(commits()).toBe(2);
  });

  it("rolls a failing transaction back alone, whichever place it has", async () => {
    for (const failing of [1, 2, 3]) {
      const base = failing * 10;
      const work = [1, 2, 3].map((place) =>
        inTransaction(base + place, async (trx) => {
          await add(trx, base + place + 5);
          if (place === failing) throw new Error("no");
        }),
      );
      expect(await outcomes(work)).toEqual([1, 2, 3].map((place) => place !== failing));
    }
    expect(stored()).toEqual([12, 13, 17, 18, 21, 23, 26, 28, 31, 32, 36, 37]);
  });

  it("refuses a single statement alone", async () => {
    expect(await outcomes([add(db, 1), add(db, 1), add(db, 2), inTransaction(2), inTransaction(3)])).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(stored()).toEqual([1, 2, 3]);
  });

  it("fails all of them when COMMIT fails, also those that had failed, and goes on afterwards", async () => {
    beforeCommit = () => {
      throw new Error("disk I/O error");
    };
    const work = [
      inTransaction(1),
      add(db, 2),
      db.selectFrom("t").selectAll().execute(),
      inTransaction(3, () => Promise.reject(new Error("its own"))),
    ];
    for (const each of await Promise.allSettled(work)) {
      expect(each).toMatchObject({ status: "rejected", reason: { message: "disk I/O error" } });
    }
    beforeCommit = undefined;
    expect(await inTransaction(4)).toBe(4);
    expect(stored()).toEqual([4]);
  });

  it("fails those before it too when SQLite rolled everything back by itself, and goes on with those after", async () => {
    const lose = (trx: TestDb) => sql.raw("rollback").execute(trx);
    expect(await outcomes([inTransaction(1), inTransaction(2, lose), inTransaction(3)])).toEqual([false, false, true]);
    expect(await outcomes([inTransaction(4, lose), inTransaction(5)])).toEqual([false, true]);
    expect(stored()).toEqual([3, 5]);
  });

  it("shows a transaction what those before it wrote, and a read between them only what was then kept", async () => {
    const seen: number[][] = [];
    const look = async (on: TestDb) => {
      const rows = await on.selectFrom("t").select("id").orderBy("id").execute();
      seen.push(rows.map(({ id }) => id));
    };
    await outcomes([
      inTransaction(1, look),
      inTransaction(2, () => Promise.reject(new Error("no"))),
      look(db).then(() => expect(stored()).toEqual([1, 3])),
      inTransaction(3, look),
    ]);
    expect(seen.toSorted()).toEqual([[1], [1], [1, 3]]);
  });

  it("does not grow for ever: a slow member ends its group, and those behind it share the next", async () => {
    const order: number[] = [];
    const slow = async () => {
      for (let turn = 0; turn < 3; turn += 1) await turnOfLoop();
    };
    const work = [inTransaction(1), inTransaction(2, slow), inTransaction(3), inTransaction(4)].map((each) =>
      each.then((id) => {
        if (id === 2) expect(stored()).toEqual([1, 2]);
        order.push(id);
      }),
    );
    await Promise.all(work);
    expect([order, commits()]).toEqual([[1, 2, 3, 4], 2]);
  });

  it("commits at the latest with the 64th member", async () => {
    await Promise.all(numbers(200).map((id) => inTransaction(id)));
    expect(commits()).toBe(4);
  });

  it("commits what is waiting when the store closes", async () => {
    const work = inTransaction(1);
    for (let step = 0; step < 200; step += 1) await Promise.resolve();
    await Promise.all([db.destroy(), outcomes([work])]);
    expect(stored()).toEqual([1]);
  });

  it("commits each by itself where nothing is gained", async () => {
    const alone = new DatabaseSync(":memory:");
    alone.exec("create table t (id integer primary key, by text not null)");
    const exec = vi.spyOn(alone, "exec");
    const memory = new Kysely<Tables>({ dialect: sqliteDialect(alone, { isShared: false }) });
    await Promise.all(numbers(3).map((id) => memory.transaction().execute((trx) => add(trx, id))));
    expect(exec.mock.calls.filter(([statement]) => statement === "commit")).toHaveLength(3);
    await memory.destroy();
  });

  it("keeps exactly what it acknowledged, whole, in any mixture", async () => {
    const step = fc.record({
      kind: fc.constantFrom("pair", "failing pair", "slow pair", "single", "duplicate", "read"),
      gap: fc.nat({ max: 2 }),
    });
    let next = 1;
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat({ max: 6 }), async (steps, failAt) => {
      let commit = 0;
      beforeCommit = () => {
        commit += 1;
        if (commit === failAt) throw new Error("disk I/O error");
      };
      const before = stored();
      const kept: number[] = [];
      const work: Promise<unknown>[] = [];
      const start = (...promises: Promise<unknown>[]) => work.push(...promises.map((each) => each.catch(() => {})));
      for (const { kind, gap } of steps) {
        const id = next;
        next += 2;
        const keep =
          (...ids: number[]) =>
          () =>
            void kept.push(...ids);
        const pair = async (trx: TestDb) => {
          if (kind === "slow pair") await turnOfLoop();
          await add(trx, id + 1);
          if (kind === "failing pair") throw new Error("no");
        };
        if (kind === "single") start(add(db, id).then(keep(id)));
        else if (kind === "duplicate") start(add(db, id).then(keep(id)), add(db, id).then(keep(-id)));
        else if (kind === "read") start(db.selectFrom("t").select("id").execute());
        else start(inTransaction(id, pair).then(keep(id, id + 1)));
        for (let turn = 0; turn < gap; turn += 1) await turnOfLoop();
      }
      await Promise.all(work);
      beforeCommit = undefined;
      const twice = kept.filter((id) => id < 0 && kept.includes(-id));
      expect(twice).toEqual([]);
      expect(stored()).toEqual([...before, ...kept.map(Math.abs)].toSorted((a, b) => a - b));
    });
    await fc.assert(property, { numRuns: 80, seed: 7 });
  });
});
