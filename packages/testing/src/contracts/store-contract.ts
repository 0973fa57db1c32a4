import assert from "node:assert/strict";
import type { StoreSource } from "@segno/server";
import type { OpenStore } from "../engine/store-watch.js";
import type { ContractRunner } from "./runner.js";

/** What a store is tested with. */
export interface StoreContractOptions {
  /** Names the store in the report. */
  readonly name: string;
  /** A source on an empty database of its own; called once a test. Opening it twice must reach the same database. */
  readonly create: () => Promise<StoreSource>;
  /** Throws the last database away. */
  readonly destroy?: () => Promise<void>;
  /** Whether a second `open()` of the source sees the same rows. False for databases in memory. Default true. */
  readonly isShared?: boolean;
}

/** What a case is given. */
type Case = (store: OpenStore, source: StoreSource) => Promise<void>;

/**
 * The behaviour the engine relies on, for everybody who brings a store: atomic transactions, one winner in a race,
 * uniqueness of proven addresses, exact numbers, idempotent migration. Runs under any runner.
 *
 * Not checked: durability across a power cut, speed, more than one machine.
 *
 * @example
 * import { describe, it } from "node:test";
 * storeContract({ name: "sqlite", create: async () => sqlite(join(folder, randomUUID())) }, { describe, it });
 */
export function storeContract(options: StoreContractOptions, { describe, it }: ContractRunner): void {
  const run = (name: string, body: Case) =>
    it(name, async () => {
      const source = await options.create();
      try {
        const store = await source.open();
        try {
          await body(store, source);
        } finally {
          await store.close();
        }
      } finally {
        await options.destroy?.();
      }
    });
  describe(`store contract: ${options.name}`, () => {
    for (const [name, body] of Object.entries(cases)) run(name, body);
    if (options.isShared ?? true) for (const [name, body] of Object.entries(sharedCases)) run(name, body);
  });
}

const now = 1_800_000_000_123;
type Db = OpenStore["db"];

const cases: Readonly<Record<string, Case>> = {
  async "answers a ping and names its dialect"(store) {
    await store.ping();
    assert.ok(["sqlite", "postgres"].includes(store.dialect));
  },

  async "gives back text, nulls and milliseconds exactly"(store) {
    const name = `Zoë 🦊 ' " \\ ; --`;
    await addUser(store.db, "u1", name);
    const row = await store.db.selectFrom("segno_users").selectAll().where("id", "=", "u1").executeTakeFirstOrThrow();
    assert.equal(row.display_name, name);
    assert.equal(row.created_at, now);
    assert.equal(typeof row.created_at, "number");
    await store.db.updateTable("segno_users").set({ display_name: null }).execute();
    assert.equal(
      (await store.db.selectFrom("segno_users").select("display_name").executeTakeFirstOrThrow()).display_name,
      null,
    );
  },

  async "keeps all of a transaction, or nothing"(store) {
    const failing = store.transaction(async (trx) => {
      await addUser(trx, "u1");
      await addUser(trx, "u2");
      throw new Error("changed my mind");
    });
    await assert.rejects(failing, /changed my mind/);
    assert.equal(await countUsers(store.db), 0);
    await store.transaction(async (trx) => {
      await addUser(trx, "u1");
      await addUser(trx, "u2");
    });
    assert.equal(await countUsers(store.db), 2);
  },

  async "hands out the result of a transaction, and stays usable after a failed statement"(store) {
    assert.equal(await store.transaction(async () => "done"), "done");
    await addUser(store.db, "u1");
    await assert.rejects(store.transaction((trx) => addUser(trx, "u1")));
    await addUser(store.db, "u2");
    assert.equal(await countUsers(store.db), 2);
  },

  async "T-023: 50 conditional updates of one row have one winner"(store) {
    await addUser(store.db, "u1");
    await addAttempt(store.db, "a1");
    const consume = () =>
      store.transaction(async (trx) => {
        const won = await trx
          .updateTable("segno_attempts")
          .set({ consumed_at: now })
          .where("id", "=", "a1")
          .where("consumed_at", "is", null)
          .returning("id")
          .executeTakeFirst();
        return won !== undefined;
      });
    const outcomes = await Promise.all(Array.from({ length: 50 }, consume));
    assert.equal(outcomes.filter(Boolean).length, 1);
  },

  async "loses no increment of 50 at once"(store) {
    await addAttempt(store.db, "a1");
    const increment = () =>
      store.db
        .updateTable("segno_attempts")
        .set((expression) => ({ tries: expression("tries", "+", 1) }))
        .where("id", "=", "a1")
        .execute();
    await Promise.all(Array.from({ length: 50 }, increment));
    assert.equal((await store.db.selectFrom("segno_attempts").select("tries").executeTakeFirstOrThrow()).tries, 50);
  },

  async "lets many claim an address, and one prove it"(store) {
    for (const id of ["u1", "u2", "u3"]) await addUser(store.db, id);
    await addEmail(store.db, { id: "i1", userId: "u1", verifiedAt: null });
    await addEmail(store.db, { id: "i2", userId: "u2", verifiedAt: now });
    await assert.rejects(addEmail(store.db, { id: "i3", userId: "u3", verifiedAt: now }));
    await addEmail(store.db, { id: "i3", userId: "u3", verifiedAt: null });
  },

  async "reads a session with its user's status by hash"(store) {
    await addUser(store.db, "u1");
    await addSession(store.db, "s1", "u1");
    const found = await store.readSession("hash-s1");
    assert.equal(found?.id, "s1");
    assert.equal(found?.user_status, "active");
    assert.equal(found?.idle_expires_at, now + 1);
    await store.db.updateTable("segno_users").set({ status: "suspended" }).execute();
    assert.equal((await store.readSession("hash-s1"))?.user_status, "suspended");
    assert.equal(await store.readSession("hash-s2"), undefined);
    assert.equal(await store.readSession("HASH-S1"), undefined, "hashes are compared byte for byte");
  },
};

/** Two handles on one database, as two processes have. */
const sharedCases: Readonly<Record<string, Case>> = {
  async "migrates an up-to-date schema to itself, and shows both handles the same rows"(store, source) {
    await addUser(store.db, "u1");
    const second = await source.open();
    try {
      assert.equal(await countUsers(second.db), 1);
      await addUser(second.db, "u2");
      assert.equal(await countUsers(store.db), 2);
    } finally {
      await second.close();
    }
  },

  async "T-023: has one winner across two handles too"(store, source) {
    await addAttempt(store.db, "a1");
    const second = await source.open();
    try {
      const consume = (handle: OpenStore) =>
        handle.db
          .updateTable("segno_attempts")
          .set({ consumed_at: now })
          .where("id", "=", "a1")
          .where("consumed_at", "is", null)
          .returning("id")
          .executeTakeFirst();
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, turn) => consume(turn % 2 === 0 ? store : second)),
      );
      assert.equal(outcomes.filter((row) => row !== undefined).length, 1);
    } finally {
      await second.close();
    }
  },
};

async function countUsers(db: Db): Promise<number> {
  return (await db.selectFrom("segno_users").select("id").execute()).length;
}

async function addUser(db: Db, id: string, displayName: string | null = null): Promise<void> {
  const row = {
    id,
    status: "active",
    display_name: displayName,
    user_handle: `handle-${id}`,
    created_at: now,
    updated_at: now,
  } as const;
  await db.insertInto("segno_users").values(row).execute();
}

async function addEmail(db: Db, input: { id: string; userId: string; verifiedAt: number | null }): Promise<void> {
  const { id, userId, verifiedAt } = input;
  await db
    .insertInto("segno_identifiers")
    .values({ id, user_id: userId, kind: "email", value: "ada@example.com", verified_at: verifiedAt, created_at: now })
    .execute();
}

async function addAttempt(db: Db, id: string): Promise<void> {
  const empty = { user_id: null, session_id: null, identifier: null, challenge: null, code_mac: null, link_hash: null };
  const times = { created_at: now, expires_at: now + 600_000, consumed_at: null };
  await db
    .insertInto("segno_attempts")
    .values({ id, kind: "email_sign_in", browser_hash: "browser", data: "{}", tries: 0, ...empty, ...times })
    .execute();
}

async function addSession(db: Db, id: string, userId: string): Promise<void> {
  const assurance = { acr: "aal1", amr: "[]", auth_time: now };
  const times = { created_at: now, last_seen_at: now, idle_expires_at: now + 1, absolute_expires_at: now + 2 };
  const state = { revoked_at: null, revoked_reason: null, status_index: 1, signed_by: "" };
  await db
    .insertInto("segno_sessions")
    .values({
      id,
      token_hash: `hash-${id}`,
      user_id: userId,
      client_id: "segno",
      device_name: "Test",
      ...assurance,
      ...times,
      ...state,
    })
    .execute();
}
