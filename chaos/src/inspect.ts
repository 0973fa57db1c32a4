import { DatabaseSync } from "node:sqlite";
import pg from "pg";

/** A look at a node's database behind its back. */
export interface Inspector {
  rows<Row>(sql: string): Promise<readonly Row[]>;
  /** The one number a statement answers. */
  count(sql: string): Promise<number>;
  close(): Promise<void>;
}

export function inspectPostgres(url: string): Inspector {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on("error", () => {});
  return inspectorOf(
    async (sql) => (await pool.query(sql)).rows,
    () => pool.end(),
  );
}

export function inspectSqlite(file: string): Inspector {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  return inspectorOf(
    async (sql) => database.prepare(sql).all(),
    async () => database.close(),
  );
}

function inspectorOf(read: (sql: string) => Promise<readonly unknown[]>, close: () => Promise<void>): Inspector {
  return {
    rows: async <Row>(sql: string) => (await read(sql)) as readonly Row[],
    count: async (sql) => {
      const [row] = (await read(sql)) as readonly Record<string, unknown>[];
      return Number(Object.values(row ?? {})[0] ?? 0);
    },
    close,
  };
}

interface Told {
  readonly id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Every event there is, as subscribers get it. */
export async function readEvents(inspector: Inspector): Promise<readonly Told[]> {
  const rows = await inspector.rows<{ id: string; type: string; subject: string | null; payload: string }>(
    "select id, type, subject, payload from segno_outbox",
  );
  return rows.map(({ id, type, subject, payload }) => {
    const { data } = JSON.parse(payload) as { data: Told["data"] };
    return { id, type, subject, data };
  });
}

/** What a caller was told is done. */
export interface Acknowledged {
  /** Accounts that were made. */
  readonly users: readonly string[];
  /** Access tokens that were issued. */
  readonly tokens: readonly string[];
}

/** How many of them the database does not have, or has not exactly one event for. */
export async function countLost(inspector: Inspector, { users, tokens }: Acknowledged): Promise<number> {
  const kept = new Set((await inspector.rows<{ id: string }>("select id from segno_users")).map(({ id }) => id));
  const created = new Map<string, number>();
  const issued = new Map<string, number>();
  for (const { type, subject, data } of await readEvents(inspector)) {
    if (type === "user.created") created.set(subject ?? "", (created.get(subject ?? "") ?? 0) + 1);
    if (type === "token.issued") issued.set(String(data["jti"]), (issued.get(String(data["jti"])) ?? 0) + 1);
  }
  const lostUsers = users.filter((id) => !kept.has(id) || created.get(id) !== 1);
  return lostUsers.length + tokens.filter((jti) => issued.get(jti) !== 1).length;
}

/** What no database may hold, wherever the process that wrote it died. By what it is called. */
export async function countHalfMade(inspector: Inspector): Promise<Readonly<Record<string, number>>> {
  const events = await readEvents(inspector);
  const ids = async (sql: string) => (await inspector.rows<{ id: string }>(sql)).map(({ id }) => id);
  const told = new Set(events.map(({ type, subject }) => `${type} ${subject}`));
  const count = (sql: string) => inspector.count(`select count(*) from ${sql}`);
  return {
    "events twice in the outbox": events.length - new Set(events.map(({ id }) => id)).size,
    "users without a way to sign in": await count(
      "segno_users u where not exists (select 1 from segno_passkeys p where p.user_id = u.id) and not exists (select 1 from segno_identifiers i where i.user_id = u.id)",
    ),
    "users nobody was told of": (await ids("select id from segno_users")).filter(
      (id) => !told.has(`user.created ${id}`),
    ).length,
    "users told of that are not there": await notThere(inspector, events),
    "sessions without a user": await count(
      "segno_sessions s where not exists (select 1 from segno_users u where u.id = s.user_id)",
    ),
    "families without a session": await count(
      "segno_refresh_families f where not exists (select 1 from segno_sessions s where s.id = f.session_id)",
    ),
    "passkeys without a user": await count(
      "segno_passkeys p where not exists (select 1 from segno_users u where u.id = p.user_id)",
    ),
    "sessions more or fewer than announced": Math.abs(
      (await count("segno_sessions")) - events.filter(({ type }) => type === "session.created").length,
    ),
  };
}

async function notThere(inspector: Inspector, events: readonly Told[]): Promise<number> {
  const kept = new Set((await inspector.rows<{ id: string }>("select id from segno_users")).map(({ id }) => id));
  return events.filter(({ type, subject }) => type === "user.created" && !kept.has(subject ?? "")).length;
}
