import type { StoreSource } from "@segno/server";

/** A store's handle as the engine got it. */
export type OpenStore = Awaited<ReturnType<StoreSource["open"]>>;

/** A store source that lets a test look at the rows behind the engine's back. */
export interface ObservedStore {
  readonly source: StoreSource;
  /** Waits until nothing due is left in the outbox and the mail queue. */
  settle(nowMs: () => number): Promise<void>;
  /** Every row of every table as text. */
  dump(): Promise<string>;
}

export function observeStore(source: StoreSource): ObservedStore {
  let store: OpenStore | undefined;
  const opened = (): OpenStore => {
    if (store === undefined) throw new Error("The store is not open yet.");
    return store;
  };
  return {
    source: {
      describe: source.describe,
      async open(context) {
        store = await source.open(context);
        return store;
      },
    },
    settle: (nowMs) => settle(opened(), nowMs),
    dump: () => dump(opened()),
  };
}

/** How long delivery may take in real time before a test is told that it hangs. */
const patienceMs = 15_000;

async function settle(store: OpenStore, nowMs: () => number): Promise<void> {
  const startedMs = performance.now();
  while (await hasWork(store, nowMs())) {
    if (performance.now() - startedMs > patienceMs) throw new Error("Mail or events are still waiting after 15 s.");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What failed and waits for a later try is not due. */
async function hasWork({ db }: OpenStore, nowMs: number): Promise<boolean> {
  const fresh = await db.selectFrom("segno_outbox").select("id").where("position", "is", null).executeTakeFirst();
  if (fresh !== undefined) return true;
  const behind = await db
    .selectFrom("segno_event_cursors as c")
    .innerJoin("segno_event_sequence as s", (join) => join.onTrue())
    .select("c.name")
    .whereRef("c.position", "<", "s.position")
    .where("c.next_attempt_at", "<=", nowMs)
    .executeTakeFirst();
  if (behind !== undefined) return true;
  // what waits behind an earlier event of its subject is not due before that one is
  const failed = await db
    .selectFrom("segno_event_failures as f")
    .innerJoin("segno_event_cursors as c", "c.name", "f.consumer")
    .select("f.event_id")
    .where("c.next_attempt_at", "<=", nowMs)
    .where("f.dead_at", "is", null)
    .where("f.attempts", ">", 0)
    .where("f.next_attempt_at", "<=", nowMs)
    .executeTakeFirst();
  if (failed !== undefined) return true;
  const message = await db
    .selectFrom("segno_mail")
    .select("id")
    .where("next_attempt_at", "<=", nowMs)
    .executeTakeFirst();
  return message !== undefined;
}

async function dump({ db, dialect }: OpenStore): Promise<string> {
  const lines: string[] = [];
  for (const table of await tablesOf(db, dialect)) {
    const rows = await db
      .selectFrom(table as "segno_users")
      .selectAll()
      .execute();
    for (const row of rows) lines.push(`${table} ${JSON.stringify(readable(row))}`);
  }
  return lines.join("\n");
}

/** Bytes as text, so that whoever looks for a word in a dump finds it in them too. */
function readable(row: object): object {
  const cells = Object.entries(row).map(([name, value]) => [name, value instanceof Uint8Array ? utf8(value) : value]);
  return Object.fromEntries(cells) as object;
}
const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Only our own schema: a PostgreSQL server may hold those of other tests, which come and go meanwhile. */
async function tablesOf(db: OpenStore["db"], dialect: OpenStore["dialect"]): Promise<readonly string[]> {
  if (dialect === "sqlite") {
    const names = (await db.introspection.getTables()).map(({ name }) => name);
    return names.filter((name) => name.startsWith("segno_")).sort();
  }
  // the catalogue is no part of the schema's type: its columns go by names that are
  const rows = await db
    .selectFrom("pg_tables as u" as "segno_users as u")
    .select("u.tablename as id" as "u.id")
    .where("u.schemaname" as "u.id", "=", (eb) => eb.fn<string>("current_schema", []))
    .where("u.tablename" as "u.id", "like", "segno\\_%")
    .orderBy("u.tablename" as "u.id")
    .execute();
  return rows.map(({ id }) => id);
}
