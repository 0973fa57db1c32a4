import type { SegnoEventData } from "@segno/core";
import type { Engine, NewEvent } from "../engine.js";
import { describeAttempt } from "./describe-attempt.js";
import { type AttemptRow, markAbandoned } from "./store.js";

const portion = 500;
/** So many are told one by one; what a flood left behind is summed up. */
const mostEach = 100;

/**
 * Tells of attempts that ran out unfinished: each exactly once over all nodes, because each is marked by one conditional
 * statement in the transaction of its event. Call now and then.
 */
export async function tellAbandoned(engine: Engine): Promise<void> {
  let left = mostEach;
  for (;;) {
    const count = await engine.store.transaction(async (trx) => {
      const rows = await markAbandoned(trx, { nowMs: engine.clock.nowMs(), limit: portion });
      const actor = { requestId: engine.newId(), kind: "system" } as const;
      for (const chunk of inTens(eventsOf(rows, left))) await engine.events.appendAll(trx, actor, chunk);
      return rows.length;
    });
    left = Math.max(0, left - count);
    if (count < portion) break;
  }
  engine.events.nudge();
}

/** The first ones each by itself, the rest by what they have in common. */
export function eventsOf(
  rows: readonly Pick<AttemptRow, "id" | "kind" | "data" | "session_id">[],
  most: number,
): readonly NewEvent<"attempt.abandoned">[] {
  const each = rows.slice(0, most).map((row) => abandoned({ ...describeAttempt(row), attemptId: row.id, count: 1 }));
  const sums = new Map<string, SegnoEventData<"attempt.abandoned">>();
  for (const row of rows.slice(most)) {
    const what = describeAttempt(row);
    const key = JSON.stringify(what);
    sums.set(key, { ...what, count: (sums.get(key)?.count ?? 0) + 1 });
  }
  return [...each, ...[...sums.values()].map(abandoned)];
}

const abandoned = (data: SegnoEventData<"attempt.abandoned">) => ({ type: "attempt.abandoned", data }) as const;

/** Statements of few sizes, because each is compiled once. */
function inTens<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / 10) }, (_, index) => items.slice(index * 10, index * 10 + 10));
}
