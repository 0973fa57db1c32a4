import { sql } from "kysely";
import type { Store } from "../engine.js";

/** What the database server's clock says, in milliseconds; undefined where it is this machine's. */
export async function readDatabaseClock({ db, dialect }: Pick<Store, "db" | "dialect">): Promise<number | undefined> {
  if (dialect === "sqlite") return undefined;
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::double precision as ms`.execute(db);
  return rows[0]?.ms;
}
