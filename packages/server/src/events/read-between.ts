import type { SegnoEvent } from "@segno/core";
import type { Db } from "../engine.js";
import { parseCloudEvent } from "./envelope.js";

const pageSize = 1_000;

/** Events that were written in a span of time, oldest first, as long as they are kept. An id begins with its time (RFC 9562). */
export async function* readEventsBetween(
  db: Db,
  span: { readonly fromMs: number; readonly untilMs: number },
): AsyncGenerator<SegnoEvent, undefined, undefined> {
  const until = firstId(span.untilMs);
  for (let after = firstId(span.fromMs); ; ) {
    const rows = await db
      .selectFrom("segno_outbox")
      .select(["id", "payload"])
      .where("id", ">", after)
      .where("id", "<", until)
      .orderBy("id")
      .limit(pageSize)
      .execute();
    for (const { payload } of rows) yield parseCloudEvent(payload);
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return undefined;
    after = last.id;
  }
}

/** Sorts before every id of that millisecond. */
function firstId(ms: number): string {
  const time = Math.max(0, Math.floor(ms)).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-`;
}
