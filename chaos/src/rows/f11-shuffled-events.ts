import { inspectSqlite } from "../inspect.ts";
import { forkNode } from "../nodes/fork-node.ts";
import type { ToldEvent } from "../nodes/sinks.ts";
import { grant, type Person, signUpMany } from "../people.ts";
import { createReferenceConsumer } from "../reference-consumer.ts";
import { type ChaosRow, figure } from "../report.ts";
import { seeded } from "../seeded.ts";
import { sqliteFile } from "../sqlite-file.ts";
import { countOutOfOrder, untilTaken } from "../told-events.ts";

const hourMs = 3_600_000;

export const shuffledEvents: ChaosRow = {
  name: "F11",
  what: "what lies between the engine and a receiver sends every event up to three times, up to an hour early or late",
  compressed: "arrivals are put in order by the time they would have come, nothing waits",
  breaks: "what a receiver has to do: dropping ids it has seen, and comparing positions",
  async run(options) {
    const told: ToldEvent[] = [];
    const onTold = ({ events }: { events?: readonly ToldEvent[] }) => void told.push(...(events ?? []));
    const database = sqliteFile();
    const node = await forkNode("engine", { database, sink: { kind: "told" } }, { onTold });
    const people = await signUpMany(options.isSmoke ? 8 : 60, () => node.port);
    await Promise.all(people.map(live));
    await untilTaken(node, "told");
    const inOrder = told.slice();
    await node.ask("replaySince", { sink: "told", sinceMs: 0 });
    await untilTaken(node, "told");

    const reference = createReferenceConsumer();
    for (const each of inOrder) reference.take(each);
    const consumers = Array.from({ length: options.isSmoke ? 50 : 500 }, (_, seed) => {
      const consumer = createReferenceConsumer(options.isBroken);
      for (const each of shuffled(told, seed + 1)) consumer.take(each);
      return consumer;
    });
    const differing = consumers.filter((each) => each.state() !== reference.state()).length;
    const inspector = inspectSqlite(database.file);
    const rows = await inspector.rows<{ id: string }>("select id from segno_sessions where revoked_at is null");
    const events = await inspector.count("select count(*) from segno_outbox");
    await inspector.close();
    await node.stop();
    const open = new Set(rows.map(({ id }) => id));
    const known = reference.openSessions();
    const wrong = known.filter((id) => !open.has(id)).length + [...open].filter((id) => !known.includes(id)).length;
    return [
      figure({
        row: "F11",
        what: `receivers that know something else in the end, of ${consumers.length}, after ${inOrder.length} events in different orders`,
        figure: differing,
        atMost: 0,
      }),
      figure({
        row: "F11",
        what: `sessions of which they know otherwise than the engine, of ${open.size} open ones`,
        figure: wrong,
        atMost: 0,
      }),
      figure({
        row: "F11",
        what: "events handed over after a later one of their subject",
        figure: countOutOfOrder(told),
        atMost: 0,
      }),
      figure({
        row: "F11",
        what: `events of ${events} that a replay of everything did not send again`,
        figure: Math.max(0, 2 * events - told.length),
        atMost: 0,
      }),
    ];
  },
};

/** Two out of three end what they began. */
async function live(person: Person, index: number): Promise<void> {
  await grant(person);
  await person.browser.call("/v1/session/token", {});
  if (index % 3 > 0) await person.browser.call("/v1/sign-out", {});
}

/** Every event one to three times, each up to an hour before or after its turn. */
function shuffled(told: readonly ToldEvent[], seed: number): readonly ToldEvent[] {
  const random = seeded(seed);
  const arrivals = told.flatMap((each) => {
    const { time } = JSON.parse(each.cloudEvent) as { time: string };
    const copies = Math.floor(random() * 3) + 1;
    return Array.from({ length: copies }, () => ({ each, atMs: Date.parse(time) + (random() * 2 - 1) * hourMs }));
  });
  return arrivals.sort((one, other) => one.atMs - other.atMs).map(({ each }) => each);
}
