import type { Engine } from "../../engine.js";
import { encodeExpired, isExpired } from "../leaf/leaf.js";
import type { LogStorage } from "../log/index.js";
import { scanLeaves } from "../read/scan.js";

/** Takes away what leaves say once their time is over. */
export interface Expiry {
  /** @returns how many leaves lost what they said */
  run(): Promise<number>;
}

const dayMs = 86_400_000;
const atOnce = 256;

/**
 * A leaf is kept as long as the class that stands in it says, counted from the event's time. Then `{"expired":"CLASS"}` takes
 * its place: the leaf's hash stays in its tile, so the log verifies and says by which class it expired. The number of days is
 * the one in the leaf: a shorter one configured later is for later events.
 */
export function createExpiry({ clock }: Pick<Engine, "clock">, storage: LogStorage): Expiry {
  /** Below it no leaf has an end that is still to come. */
  let settledTo = 0;

  async function run(): Promise<number> {
    const nowMs = clock.nowMs();
    let count = 0;
    let isSettled = true;
    let due = new Map<number, Uint8Array>();
    const flush = async (): Promise<void> => {
      if (due.size > 0) await storage.replaceLeaves(due);
      count += due.size;
      due = new Map();
    };
    for await (const { index, content } of scanLeaves(storage, settledTo)) {
      const days = content === undefined || isExpired(content) ? undefined : content.retention.days;
      const endMs =
        content === undefined || isExpired(content) || days === undefined
          ? undefined
          : Date.parse(content.event.time) + days * dayMs;
      if (endMs !== undefined && endMs > nowMs) isSettled = false;
      else if (endMs !== undefined && content !== undefined && !isExpired(content))
        due.set(index, encodeExpired(content.retention.class));
      if (isSettled) settledTo = index + 1;
      if (due.size >= atOnce) await flush();
    }
    await flush();
    return count;
  }

  return { run };
}
