import fc from "fast-check";
import { createVirtualClock } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { actor, besides, openNode } from "../../test/engine-kit.js";
import { testDatabases } from "../../test/stores.js";
import { createEventLog, type RunningEventLog } from "./event-log.js";
import { createSinkDouble, outOfOrder, reasonOf } from "./sink.double.js";

/** One thing that may happen to events on their way. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant("write" as const), subject: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("deliver" as const), node: fc.integer({ min: 0, max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("refuse" as const), of: fc.integer({ min: 0, max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("poison" as const), of: fc.integer({ min: 0, max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("away" as const), isAway: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("crash" as const), node: fc.integer({ min: 0, max: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 90 }) }) },
);

const kinds = testDatabases.filter(({ name }) => name === "sqlite memory" || name === "postgres");

describe.each(kinds)("the way of events, at random: $name", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }

  it("F11: whatever happens, each event arrives, in order per subject, and once when repeats are dropped", async () => {
    const database = await create();
    const clock = createVirtualClock();
    const nodes = [await openNode(database.source(), { clock })];
    const [first] = nodes;
    if (first === undefined) throw new Error("no node");
    nodes.push(await openNode(besides(first, database.source), { clock }));
    let run = 0;

    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      run += 1;
      const sink = createSinkDouble({ name: `sink-${run}`, batchSize: 3 });
      await first.events.drain();
      for (const table of ["segno_outbox", "segno_event_cursors", "segno_event_failures"] as const)
        await first.engine.store.db.deleteFrom(table).execute();
      const open = (node: number): RunningEventLog =>
        createEventLog((nodes[node] ?? first).engine, { sinks: [sink], maxAttempts: 1_000 });
      const logs = [open(0), open(1)];
      let written = 0;
      for (const each of steps) {
        if (each.what === "write") {
          await first.engine.store.transaction((trx) =>
            first.events.append(
              trx,
              "session.revoked",
              { ...actor, subject: `s${each.subject}` },
              { reason: String(written) },
            ),
          );
          written += 1;
        }
        if (each.what === "deliver") await logs[each.node]?.drain();
        if (each.what === "refuse") sink.refused.set(String(each.of), { reason: "status 503" });
        if (each.what === "poison") sink.poison.add(String(each.of));
        if (each.what === "away") sink.isAway = each.isAway;
        // whoever dies frees no lease: the next one waits for it to run out
        if (each.what === "crash") logs[each.node] = open(each.node);
        if (each.what === "wait") clock.advance({ seconds: each.seconds });
      }
      sink.isAway = false;
      sink.refused.clear();
      sink.poison.clear();
      for (let minutes = 0; minutes < 3; minutes += 1) {
        clock.advance({ minutes: 6 });
        for (const log of logs) await log.drain();
      }
      expect(
        sink
          .once()
          .map(reasonOf)
          .map(Number)
          .toSorted((a, b) => a - b),
      ).toEqual(Array.from({ length: written }, (_, index) => index));
      expect(outOfOrder(sink.once())).toEqual([]);
      expect(await first.engine.store.db.selectFrom("segno_event_failures").selectAll().execute()).toEqual([]);
    });
    try {
      await fc.assert(property, { numRuns: name === "postgres" ? 15 : 120, seed: 20_261_121 });
    } finally {
      await nodes[1]?.stop();
      await nodes[0]?.stop();
      await database.drop();
    }
  }, 120_000);
});
