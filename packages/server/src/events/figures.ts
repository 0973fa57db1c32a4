import type { Db } from "../engine.js";
import { readCursors } from "./cursors-store.js";
import { countFailures } from "./failures-store.js";
import { countUnsequenced, readHead, readOldest } from "./store.js";

/** How far delivery is behind: what the last of the receivers has not got, how old that is, and what was set aside. */
export async function readOutboxFigures(
  db: Db,
  nowMs: number,
): Promise<{ readonly waiting: number; readonly lagMs: number; readonly deadLetters: number }> {
  const head = await readHead(db);
  const unsequenced = await countUnsequenced(db);
  const cursors = await readCursors(db);
  // with nobody to receive anything, nothing waits
  const lowest = Math.min(head, ...cursors.map(({ position }) => position));
  const first = lowest < head ? await readOldest(db, lowest + 1) : undefined;
  const failures = await countFailures(db);
  const sum = (each: "dead" | "waiting") => failures.reduce((total, row) => total + row[each], 0);
  return {
    waiting: head - lowest + unsequenced.count + sum("waiting"),
    lagMs: Math.max(0, nowMs - Math.min(first?.created_at ?? nowMs, unsequenced.oldestMs ?? nowMs)),
    deadLetters: sum("dead"),
  };
}
