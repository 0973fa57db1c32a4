import type { SegnoEvent } from "@segno/core";
import type { Db } from "../engine.js";
import { parseCloudEvent } from "./envelope.js";
import { readHead, readOldest, readRows } from "./store.js";

const pageSize = 1_000;
/** A transaction may commit later than one that began after it: positions follow time only roughly. */
const slackMs = 60_000;

/** Events that were written in a span of time, in their order, as long as they are kept. */
export async function* readEventsBetween(
  db: Db,
  span: { readonly fromMs: number; readonly untilMs: number },
): AsyncGenerator<SegnoEvent, undefined, undefined> {
  const isWithin = ({ created_at }: { readonly created_at: number }) =>
    created_at >= span.fromMs && created_at < span.untilMs;
  for (let after = (await firstAt(db, span.fromMs - slackMs)) - 1; ; ) {
    const rows = await readRows(db, after, pageSize);
    for (const row of rows) if (isWithin(row)) yield parseCloudEvent(row.payload);
    const last = rows.at(-1);
    if (last === undefined || last.created_at > span.untilMs + slackMs) break;
    after = last.position;
  }
  const unsequenced = await db
    .selectFrom("segno_outbox")
    .select(["payload", "created_at"])
    .where("position", "is", null)
    .orderBy("id")
    .execute();
  for (const row of unsequenced) if (isWithin(row)) yield parseCloudEvent(row.payload);
  return undefined;
}

/** The lowest position whose event is not older, by halving: there is no index by time, because writing would pay for it. */
async function firstAt(db: Db, fromMs: number): Promise<number> {
  let low = (await readOldest(db, 0))?.position ?? 0;
  let high = (await readHead(db)) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = await readOldest(db, middle);
    if (row === undefined || row.created_at >= fromMs) high = middle;
    else low = middle + 1;
  }
  return low;
}
