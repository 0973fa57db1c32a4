import { percentile, sleep } from "../http.ts";
import { type Inspector, inspectSqlite } from "../inspect.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import type { ToldEvent } from "../nodes/sinks.ts";
import { issueToken, type Person, signUpMany } from "../people.ts";
import { type ChaosRow, duration, figure, type RunOptions } from "../report.ts";
import { sqliteFile } from "../sqlite-file.ts";
import { readSinkFacts } from "../told-events.ts";
import { startWriters, type Writers } from "../writers.ts";

interface Letter {
  readonly position: number;
  readonly attempts: number;
}

/** As often as the engine tries. */
const tries = 12;
/** So much passes at once: an event may be under way just then, which is no delay of its own. */
const stepMs = 300_000;

export const poisonEvent: ChaosRow = {
  name: "F12",
  what: "one event of a thousand makes the receiver fall over, and the whole call with it; another cannot be read at all",
  compressed: "the twenty minutes of twelve tries pass on the node's clock; --smoke: one of 150",
  breaks: "setting aside: the receiver takes nothing more behind the event it fell over",
  async run(options) {
    const every = options.isSmoke ? 150 : 1_000;
    const wanted = options.isSmoke ? 200 : 3_200;
    const told: ToldEvent[] = [];
    const state = { met: 0 };
    const onTold = ({ events = [], met }: { events?: readonly ToldEvent[]; met?: number }) => {
      told.push(...events);
      state.met = met ?? state.met;
    };
    const database = sqliteFile();
    const sink = { kind: "told", poisonEvery: every, stopsAtPoison: options.isBroken };
    const node = await forkNode("engine", { database, sink }, { onTold });
    const people = await signUpMany(6, () => node.port);
    const writers = await startWriters({ port: () => node.port, people });
    await untilWritten(writers, wanted, options);
    const inspector = inspectSqlite(database.file);
    await spoilOne(inspector, node);
    await sleep(1_500);
    const late = told.slice().map(({ lateMs }) => lateMs);
    const seen = new Set(told.map(({ position }) => position));
    await writers.stop();
    const quiet = told.length;
    const others = await signUpMany(2, () => node.port);
    await untilSetAside(node, inspector, others);
    const poisonedSubjects = await inspector.rows<{ subject: string }>(
      `select subject from segno_outbox where position % ${every} = 0`,
    );
    const healthy = others.filter(({ userId }) => poisonedSubjects.every(({ subject }) => subject !== userId));
    const lateLater = told
      .slice(quiet)
      .filter(({ cloudEvent }) => isOf(healthy, cloudEvent))
      .map(({ lateMs }) => lateMs);
    const letters = await node.ask<readonly Letter[]>("deadLetters");
    const poisoned = letters.filter(({ position }) => position % every === 0);
    const unreadable = letters.length - poisoned.length;
    const head = await inspector.count("select max(position) from segno_outbox");
    const { lag, waiting } = await readSinkFacts(node, "told");
    const arrived = new Set(told.map(({ position }) => position));
    const rest = head - Math.floor(head / every) - 1;
    await inspector.close();
    await node.stop();
    return [
      figure({
        row: "F12",
        what: `poisoned events set aside after ${tries} tries each, of ${Math.floor(head / every)} among ${head}`,
        figure: poisoned.filter(({ attempts }) => attempts === tries).length - Math.floor(head / every),
        atMost: 0,
        atLeast: 0,
        note: "figure: more or fewer than there were",
      }),
      figure({
        row: "F12",
        what: "events set aside because they cannot be read, of 1",
        figure: unreadable,
        atMost: 1,
        atLeast: 1,
      }),
      figure({
        row: "F12",
        what: `other events that did not arrive, of ${rest}`,
        figure: Math.max(0, rest - [...arrived].filter((position) => position % every !== 0).length) + lag + waiting,
        atMost: 0,
      }),
      duration(
        {
          row: "F12",
          what: `delay of the others meanwhile, p99 of ${seen.size}, ms; worst ${Math.max(0, ...late)}`,
          figure: Math.round(percentile(late, 0.99)),
          atMost: 1_000,
        },
        options,
      ),
      duration(
        {
          row: "F12",
          what: `delay of others while the poison is tried again and nothing else happens, p99 of ${lateLater.length}, ms`,
          figure: Math.round(percentile(lateLater, 0.99)),
          atMost: 1_000,
        },
        options,
      ),
      figure({ row: "F12", what: "calls that fell over", figure: state.met, atLeast: 1 }),
    ];
  },
};

async function untilWritten(writers: Writers, wanted: number, { say }: RunOptions): Promise<void> {
  const endMs = performance.now() + 60_000;
  // a token issued is one event, a refresh is two
  while (writers.acknowledged.tokens.length * 2 < wanted && performance.now() < endMs) await sleep(100);
  if (performance.now() >= endMs) say(`only ${writers.acknowledged.tokens.length} tokens in a minute`);
}

function isOf(people: readonly Person[], cloudEvent: string): boolean {
  const { subject } = JSON.parse(cloudEvent) as { subject?: string };
  return people.some(({ userId }) => userId === subject);
}

/** Lets every pause between two tries pass, one after the other: a lease that ends within a try makes it void. */
async function untilSetAside(node: ForkedNode, inspector: Inspector, others: readonly Person[]): Promise<void> {
  const state = "select coalesce(sum(attempts), 0) + count(*) * 1000 from segno_event_failures";
  // one subject may have several of them, each behind the one before
  for (let step = 0; step < 12 * tries; step += 1) {
    const before = await inspector.count(state);
    await node.ask("advance", stepMs);
    // an event of somebody else tells that it is not the receiver
    await Promise.all(others.map(({ cookie }) => issueToken({ port: node.port }, cookie)));
    for (let wait = 0; wait < 20 && (await inspector.count(state)) === before; wait += 1) await sleep(50);
    await sleep(100);
    const { waiting, lag } = await readSinkFacts(node, "told");
    if (waiting === 0 && lag === 0) return;
  }
}

/** An event of a release that nobody has. */
async function spoilOne(inspector: Inspector, node: ForkedNode): Promise<void> {
  const id = "ffffffff-ffff-7fff-bfff-ffffffffffff";
  const nowMs = await node.ask<number>("now");
  await inspector.rows(
    `insert into segno_outbox (id, type, subject, payload, created_at) values ('${id}', 'login.success', null, '{"specversion":', ${nowMs})`,
  );
}
