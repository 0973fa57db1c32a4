import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSegnoError } from "@segno/core";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import type { Db, Store } from "../engine.js";
import { isUniqueViolation, sweepExpired, toSegnoError } from "./index.js";
import { rememberOnce } from "./once.js";
import { checksumOf, type Migration, migrate } from "./migrate.js";
import { migrations } from "./migrations/index.js";
import { postgresUrl } from "./postgres.js";
import { sqlite } from "./sqlite.js";

const now = 1_800_000_000_000;

function addUser(db: Db, id: string) {
  return db
    .insertInto("segno_users")
    .values({ id, status: "active", display_name: null, user_handle: `handle-${id}`, created_at: now, updated_at: now })
    .execute();
}

function addSession(db: Db, id: string, userId: string) {
  return db
    .insertInto("segno_sessions")
    .values({
      id,
      token_hash: `hash-${id}`,
      user_id: userId,
      client_id: "segno",
      device_name: "Test",
      acr: "aal1",
      amr: "[]",
      auth_time: now,
      created_at: now,
      last_seen_at: now,
      idle_expires_at: now + 1,
      absolute_expires_at: now + 2,
      revoked_at: null,
      revoked_reason: null,
      status_index: 1,
      signed_by: "",
    })
    .execute();
}

function addEmail(db: Db, id: string, userId: string, verifiedAt: number | null) {
  return db
    .insertInto("segno_identifiers")
    .values({ id, user_id: userId, kind: "email", value: "a@example.com", verified_at: verifiedAt, created_at: now })
    .execute();
}

describe.each(testDatabases)("store contract: $name", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let store: Store;
  beforeEach(async () => {
    database = await create();
    store = await database.source().open();
  });
  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  it("answers a ping and gives numbers back as numbers", async () => {
    await store.ping();
    await addUser(store.db, "u1");
    const row = await store.db.selectFrom("segno_users").selectAll().executeTakeFirstOrThrow();
    expect(row).toStrictEqual(
      expect.objectContaining({ id: "u1", display_name: null, created_at: now, updated_at: now }),
    );
  });

  it("reads a session with its user's status, and nothing for an unknown hash", async () => {
    await addUser(store.db, "u1");
    await addSession(store.db, "s1", "u1");
    expect(await store.readSession("hash-s1")).toMatchObject({
      id: "s1",
      user_id: "u1",
      user_status: "active",
      idle_expires_at: now + 1,
    });
    await store.db.updateTable("segno_users").set({ status: "suspended" }).execute();
    expect((await store.readSession("hash-s1"))?.user_status).toBe("suspended");
    expect(await store.readSession("hash-other")).toBeUndefined();
  });

  it("takes an access token for good only while session, user and token all are", async () => {
    const token = { sid: "s1", sub: "u1", jti: "j1", nowMs: now };
    await addUser(store.db, "u1");
    await addUser(store.db, "u2");
    await addSession(store.db, "s1", "u1");
    expect(await store.isTokenLive(token)).toBe(true);
    expect(await store.isTokenLive({ ...token, sid: "s2" })).toBe(false);
    expect(await store.isTokenLive({ ...token, sub: "u2" })).toBe(false);
    expect(await store.isTokenLive({ ...token, nowMs: now + 1 })).toBe(false);
    await store.db
      .insertInto("segno_revoked_tokens")
      .values({ jti: "j1", expires_at: now, revoked_at: now, status_index: 1 })
      .execute();
    expect(await store.isTokenLive(token)).toBe(false);
    const other = { ...token, jti: "j2" };
    expect(await store.isTokenLive(other)).toBe(true);
    const sessions = store.db.updateTable("segno_sessions");
    await sessions.set({ idle_expires_at: now + 9 }).execute();
    expect(await store.isTokenLive({ ...other, nowMs: now + 2 })).toBe(false);
    await store.db.updateTable("segno_users").set({ status: "suspended" }).execute();
    expect(await store.isTokenLive(other)).toBe(false);
    await store.db.updateTable("segno_users").set({ status: "active" }).execute();
    await sessions.set({ revoked_at: now }).execute();
    expect(await store.isTokenLive(other)).toBe(false);
  });

  it("keeps nothing of a transaction that throws", async () => {
    const failing = store.transaction(async (trx) => {
      await addUser(trx, "u1");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await store.db.selectFrom("segno_users").selectAll().execute()).toEqual([]);
    await addUser(store.db, "u2");
  });

  it("lets one user own a verified address and any number claim it", async () => {
    for (const id of ["u1", "u2", "u3"]) await addUser(store.db, id);
    await addEmail(store.db, "i1", "u1", null);
    await addEmail(store.db, "i2", "u2", now);
    const second = await addEmail(store.db, "i3", "u3", now).catch((error: unknown) => error);
    expect(isUniqueViolation(second)).toBe(true);
    expect(isUniqueViolation(new Error("other"))).toBe(false);
  });

  it("takes everything of a deleted user along", async () => {
    await addUser(store.db, "u1");
    await addEmail(store.db, "i1", "u1", now);
    await addSession(store.db, "s1", "u1");
    await store.db.deleteFrom("segno_users").where("id", "=", "u1").execute();
    expect(await store.readSession("hash-s1")).toBeUndefined();
    expect(await store.db.selectFrom("segno_identifiers").selectAll().execute()).toEqual([]);
  });

  it("T-023: 50 parallel redemptions of one row have exactly one winner", async () => {
    await addUser(store.db, "u1");
    await addSession(store.db, "s1", "u1");
    const redeem = () =>
      store.transaction(async (trx) => {
        const row = await trx
          .updateTable("segno_sessions")
          .set({ revoked_at: now })
          .where("id", "=", "s1")
          .where("revoked_at", "is", null)
          .returning("id")
          .executeTakeFirst();
        return row !== undefined;
      });
    const wins = await Promise.all(Array.from({ length: 50 }, redeem));
    expect(wins.filter(Boolean)).toHaveLength(1);
    const seen = await Promise.all(Array.from({ length: 50 }, () => rememberOnce(store.db, "proof", now)));
    expect(seen.filter(Boolean)).toHaveLength(1);
  });

  it("T-024: a query outside the transaction's handle fails at once instead of hanging a pool of one", async () => {
    const nested = store.transaction(async () => void (await store.db.selectFrom("segno_users").selectAll().execute()));
    await expect(nested).rejects.toThrow(TypeError);
    await expect(store.transaction(() => store.transaction(async () => {}))).rejects.toThrow(TypeError);
    await addUser(store.db, "u1");
  });

  it("serves queries in arrival order while transactions run, and none sees a half-made one", async () => {
    const seen: number[] = [];
    const write = (id: string) =>
      store.transaction(async (trx) => {
        await addUser(trx, `${id}a`);
        await Promise.resolve();
        await addUser(trx, `${id}b`);
      });
    const count = async () => {
      const { n } = await store.db
        .selectFrom("segno_users")
        .select((on) => on.fn.countAll().as("n"))
        .executeTakeFirstOrThrow();
      seen.push(Number(n));
    };
    await Promise.all([write("1"), count(), write("2"), count(), write("3"), count()]);
    expect(seen.every((n) => n % 2 === 0)).toBe(true);
    if (name.startsWith("sqlite") || name.endsWith("one")) expect(seen).toEqual([2, 4, 6]);
  });

  it("sweeps what piled up in portions, and nothing else", async () => {
    const rows = Array.from({ length: 11_000 }, (_, index) => ({
      key: `k${index}`,
      expires_at: index < 10_500 ? now : now + 9,
    }));
    for (let from = 0; from < rows.length; from += 1_000)
      await store.db
        .insertInto("segno_once")
        .values(rows.slice(from, from + 1_000))
        .execute();
    let statements = 0;
    const counted = store.db.withPlugin({
      transformQuery: ({ node }) => {
        if (JSON.stringify(node).includes("segno_once")) statements += 1;
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    await sweepExpired(counted, now + 1);
    expect(statements).toBe(3);
    const left = await store.db.selectFrom("segno_once").select("expires_at").execute();
    expect([left.length, new Set(left.map((row) => row.expires_at))]).toEqual([500, new Set([now + 9])]);
  });

  it("loses no update when transactions collide", async () => {
    await store.db
      .insertInto("segno_revoked_tokens")
      .values({ jti: "n", expires_at: 0, revoked_at: 0, status_index: null })
      .execute();
    const add = () =>
      store.transaction(async (trx) => {
        await trx
          .updateTable("segno_revoked_tokens")
          .set((on) => ({ expires_at: on("expires_at", "+", 1) }))
          .execute();
      });
    await Promise.all(Array.from({ length: 40 }, add));
    expect((await store.db.selectFrom("segno_revoked_tokens").selectAll().executeTakeFirstOrThrow()).expires_at).toBe(
      40,
    );
  });

  if (name === "sqlite memory") return;

  it("migrates once when several processes start at the same moment", async () => {
    const empty = await create();
    const stores = await Promise.all([1, 2, 3, 4, 5, 6].map(() => empty.source().open()));
    const rows = await stores[0]?.db.selectFrom("segno_migrations").selectAll().where("number", ">", 0).execute();
    expect(rows?.map((row) => row.number)).toEqual(migrations.map((migration) => migration.number));
    await Promise.all(stores.map((other) => other.close()));
    await empty.drop();
  });

  it("refuses a database whose applied migration was changed, or that is newer", async () => {
    await store.db.updateTable("segno_migrations").set({ checksum: "other" }).where("number", "=", 1).execute();
    const changed = await database
      .source()
      .open()
      .catch((error: unknown) => error);
    expect(isSegnoError(changed, "store_unavailable") && changed.message).toMatch(/differs/);
    await store.db
      .insertInto("segno_migrations")
      .values({ number: 999, name: "x", checksum: "", applied_at: now })
      .execute();
    const newer = await database
      .source()
      .open()
      .catch((error: unknown) => error);
    expect(isSegnoError(newer, "store_unavailable") && newer.message).toMatch(/newer/);
  });

  it("applies a migration wholly or not at all, and goes on from there", async () => {
    const dialect = store.dialect;
    const good: Migration = {
      number: 2,
      name: "good",
      sqlite: ["create table segno_two (a integer)"],
      postgres: ["create table segno_two (a integer)"],
    };
    const statements = ["create table segno_three (a integer)", "this is not SQL"];
    const bad: Migration = { number: 3, name: "bad", sqlite: statements, postgres: statements };
    await expect(migrate(store.db, [...migrations, good, bad], { dialect, nowMs: now })).rejects.toThrow();
    await expect(sql`select * from segno_two`.execute(store.db)).rejects.toThrow();
    await migrate(store.db, [...migrations, good], { dialect, nowMs: now });
    await migrate(store.db, [...migrations, good], { dialect, nowMs: now });
    expect((await sql`select * from segno_two`.execute(store.db)).rows).toEqual([]);
    const row = await store.db
      .selectFrom("segno_migrations")
      .selectAll()
      .where("number", "=", 2)
      .executeTakeFirstOrThrow();
    expect(row).toEqual({ number: 2, name: "good", checksum: checksumOf(good, dialect), applied_at: now });
  });

  it("shows a second process what the first committed", async () => {
    const other = await database.source().open();
    await addUser(store.db, "u1");
    await addSession(store.db, "s1", "u1");
    expect((await other.readSession("hash-s1"))?.id).toBe("s1");
    await other.db.updateTable("segno_sessions").set({ revoked_at: now }).execute();
    expect((await store.readSession("hash-s1"))?.revoked_at).toBe(now);
    await other.close();
  });

  it("T-021: a row read again tells every change made elsewhere, column by column, and that it is gone", async () => {
    const other = await database.source().open();
    await addUser(store.db, "u1");
    await addSession(store.db, "s1", "u1");
    const changes = { client_id: "c", acr: "phr", amr: "[]", auth_time: 7, last_seen_at: 8, device_name: "d" } as const;
    const more = { idle_expires_at: 9, absolute_expires_at: 10, revoked_at: 11, created_at: 12 } as const;
    for (const [column, value] of Object.entries({ ...changes, ...more })) {
      await store.readSessionAccount("hash-s1");
      await other.db
        .updateTable("segno_sessions")
        .set({ [column]: value })
        .execute();
      expect(await store.readSessionAccount("hash-s1")).toMatchObject({ [column]: value });
      const isRead = column !== "device_name" && column !== "created_at";
      if (isRead) expect(await store.readSession("hash-s1")).toMatchObject({ [column]: value });
    }
    await other.db.updateTable("segno_users").set({ status: "suspended", display_name: "Grace" }).execute();
    expect(await store.readSession("hash-s1")).toMatchObject({ user_status: "suspended" });
    expect(await store.readSessionAccount("hash-s1")).toMatchObject({ user_display_name: "Grace" });
    await other.db.deleteFrom("segno_sessions").execute();
    expect([await store.readSession("hash-s1"), await store.readSessionAccount("hash-s1")]).toEqual([
      undefined,
      undefined,
    ]);
    await other.close();
  });
});

describe("sqlite", () => {
  const folder = mkdtempSync(join(tmpdir(), "segno-sqlite-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("answers a read with the object from before while nothing in it changed", async () => {
    const store = await sqlite(":memory:").open();
    await addUser(store.db, "u1");
    await addSession(store.db, "s1", "u1");
    const before = await store.readSession("hash-s1");
    expect(await store.readSession("hash-s1")).toBe(before);
    await store.db.updateTable("segno_sessions").set({ acr: "phr" }).execute();
    expect(await store.readSession("hash-s1")).not.toBe(before);
    expect(Object.isFrozen(before)).toBe(true);
    await store.close();
  });

  it("is durable, private to its owner, and reads what every request asks synchronously", async () => {
    const file = join(folder, "deep", "segno.db");
    const store = await sqlite(file).open();
    const pragma = async (name: string) =>
      Object.values((await sql.raw(`pragma ${name}`).execute(store.db)).rows[0] ?? {})[0];
    expect(await pragma("journal_mode")).toBe("wal");
    expect(await pragma("synchronous")).toBe(2);
    expect(await pragma("foreign_keys")).toBe(1);
    expect(await pragma("busy_timeout")).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(store.readSession("x")).toBeUndefined();
    expect(store.isTokenLive({ jti: "x", sid: "x", sub: "x", nowMs: 0 })).toBe(false);
    await store.close();
  });

  it("two engines in one process take turns instead of blocking the thread they share", async () => {
    const file = join(folder, "segno.db");
    const [one, two] = await Promise.all([sqlite(file).open(), sqlite(file).open()]);
    const startedMs = performance.now();
    const held = one.transaction(async (trx) => {
      await addUser(trx, "u1");
      await new Promise((resolve) => setTimeout(resolve, 30));
    });
    await Promise.all([held, addUser(two.db, "u2"), two.transaction((trx) => addUser(trx, "u3"))]);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(await one.db.selectFrom("segno_users").select("id").orderBy("id").execute()).toHaveLength(3);
    await Promise.all([one.close(), two.close()]);
  });

  it("does not show an uncommitted session to the hot read", async () => {
    const store = await sqlite(join(folder, "segno.db")).open();
    await store.transaction(async (trx) => {
      await addUser(trx, "u1");
      await addSession(trx, "s1", "u1");
      expect(await store.readSession("hash-s1")).toBeUndefined();
    });
    expect(await store.readSession("hash-s1")).toBeDefined();
    await store.close();
  });
});

describe("faults", () => {
  it("turns a store that is away into store_unavailable and a bug into internal", async () => {
    const away = await postgresUrl("postgres://user:hunter2@127.0.0.1:1/none")
      .open()
      .catch((error: unknown) => error);
    expect(toSegnoError(away).code).toBe("store_unavailable");
    expect(postgresUrl("postgres://user:hunter2@db.internal/app").describe).toBe("postgres db.internal/app");
    expect(toSegnoError(new Error("bug")).code).toBe("internal");
    expect(toSegnoError(Object.assign(new Error("x"), { errcode: 13 })).code).toBe("store_unavailable");
  });
});
