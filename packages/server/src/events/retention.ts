import type { Engine } from "../engine.js";
import { addCursors, markSeen, readCursors } from "./cursors-store.js";
import { deleteRows, readHead } from "./store.js";

/** Keeps the list of receivers, and deletes what all of them have passed. */
export interface Retention {
  /** @param names the receivers that this node has */
  run(names: readonly string[]): Promise<void>;
}

const dayMs = 86_400_000;
const everyMs = 600_000;
/** A receiver that no node has had for so long is not waited for. */
const forgottenAfterMs = 30 * dayMs;

export function createRetention({ store, clock }: Pick<Engine, "store" | "clock">, keepDays: number): Retention {
  const known = new Set<string>();
  let sweptAtMs = 0;

  return {
    async run(names) {
      const nowMs = clock.nowMs();
      const added = names.filter((name) => !known.has(name));
      await addCursors(store.db, added, nowMs);
      for (const name of added) known.add(name);
      if (nowMs - sweptAtMs < everyMs && added.length === 0) return;
      await markSeen(store.db, names, nowMs);
      if (nowMs - sweptAtMs < everyMs) return;
      sweptAtMs = nowMs;
      const counting = (await readCursors(store.db)).filter(({ seen_at }) => nowMs - seen_at < forgottenAfterMs);
      const passed = Math.min(await readHead(store.db), ...counting.map(({ position }) => position));
      await deleteRows(store.db, passed, nowMs - keepDays * dayMs);
    },
  };
}
