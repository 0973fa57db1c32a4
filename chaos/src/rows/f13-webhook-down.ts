import { randomBytes } from "node:crypto";
import { sleep } from "../http.ts";
import { type Inspector, inspectSqlite } from "../inspect.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { runCommand } from "../nodes/run-command.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../peers/webhook-receiver.ts";
import { issueToken, type Person, signUpMany } from "../people.ts";
import { type ChaosRow, type Figure, figure, type RunOptions } from "../report.ts";
import { sqliteFile } from "../sqlite-file.ts";
import { readSinkFacts, untilTaken } from "../told-events.ts";

/** So much of the node's clock passes at once: a try must be over before its lease of half a minute is. */
const stepMs = 2_000;

export const webhookDown: ChaosRow = {
  name: "F13",
  what: "a webhook's receiver breaks every connection for an hour, under load and with a backlog, then comes back",
  compressed: "the hour passes on the node's clock about 100 times as fast (--long: 10 times); --smoke: ten minutes",
  breaks: "keeping what was not taken: the sink says that the receiver has it",
  async run(options) {
    const clock = { aheadMs: 0 };
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const receiver = await startWebhookReceiver(secret, () => Date.now() + clock.aheadMs);
    const database = sqliteFile();
    const sink = { kind: "webhook", url: receiver.url, secret, isForgetful: options.isBroken };
    const node = await forkNode("engine", { database, sink });
    const inspector = inspectSqlite(database.file);
    const advance = async (ms: number) => {
      clock.aheadMs += ms;
      await node.ask("advance", ms);
    };
    const people = await signUpMany(6, () => node.port);
    await untilTaken(node, "hook");
    const before = await node.ask<number>("heapBytes");
    receiver.setDown(true);
    const backlog = await addBacklog(inspector, options.isSmoke ? 500 : 10_000);
    let most = 0;
    const steps = options.isSmoke ? 300 : 1_800;
    for (let step = 0; step < steps; step += 1) {
      await advance(stepMs);
      const person = people[step % people.length];
      if (person !== undefined && step % 3 === 0) await issueToken({ port: node.port }, person.cookie);
      await sleep(options.isLong ? 200 : 15);
      if (step % 100 === 99) most = Math.max(most, await node.ask<number>("heapBytes"));
    }
    const { failures } = await readSinkFacts(node, "hook");
    const waiting = await inspector.count(
      "select (select count(*) from segno_outbox) - (select position from segno_event_cursors where name = 'hook')",
    );
    const arrivedBefore = receiver.arrivals.length;
    receiver.setDown(false);
    await advance(61_000);
    const hasAll = await untilTaken(node, "hook", 120_000);
    const { lost, doubled, outOfOrder } = await compare(inspector, receiver);
    const replays = options.isBroken
      ? []
      : await replay({ options, node, inspector, receiver, people, engine: { database }, advance });
    await inspector.close();
    await node.stop();
    await receiver.stop();
    return [
      figure({
        row: "F13",
        what: `events that never arrived, of ${waiting} that waited (${backlog} of them put there at once)`,
        figure: lost + (hasAll ? 0 : 1),
        atMost: 0,
        note: `${arrivedBefore} had arrived before; ${doubled} arrived twice; ${receiver.forged()} signatures did not hold`,
      }),
      figure({
        row: "F13",
        what: "events that arrived after a later one of their subject",
        figure: outOfOrder,
        atMost: 0,
      }),
      figure({
        row: "F13",
        what: `tries within ${(steps * stepMs) / 60_000} minutes: a minute apart at most, half of it by jitter`,
        figure: failures,
        atLeast: options.isSmoke ? 6 : 40,
        atMost: options.isSmoke ? 30 : 140,
        note: `${receiver.broken()} requests, because a batch is offered in parts`,
      }),
      figure({
        row: "F13",
        what: "heap of the node more than before, MB, at its most",
        figure: (most - before) / 1_048_576,
        atMost: 12,
      }),
      ...replays,
    ];
  },
};

interface Replaying {
  readonly options: RunOptions;
  readonly node: ForkedNode;
  readonly inspector: Inspector;
  readonly receiver: WebhookReceiver;
  readonly people: readonly Person[];
  readonly engine: { readonly database: { readonly kind: "sqlite"; readonly file: string } };
  readonly advance: (ms: number) => Promise<void>;
}

/** An event that was refused for good, and the last few, sent again by the command. */
async function replay({ node, inspector, receiver, people, engine }: Replaying): Promise<readonly Figure[]> {
  const refused = receiver.refuseNext();
  const sinceMs = await node.ask<number>("now");
  await Promise.all(people.map(({ cookie }) => issueToken({ port: node.port }, cookie)));
  await untilTaken(node, "hook");
  const dead = refused() ?? "";
  const arrivedDead = receiver.arrivals.includes(dead);
  let failed = await runCommand(["events", "replay", "--sink", "hook", "--dead", "--yes"], engine);
  const recent = await inspector.rows<{ id: string }>(`select id from segno_outbox where created_at >= ${sinceMs}`);
  await untilArrived(receiver, [dead]);
  await untilTaken(node, "hook");
  const hasDead = receiver.arrivals.includes(dead);
  const place = receiver.arrivals.length;
  const since = new Date(sinceMs).toISOString();
  failed += await runCommand(["events", "replay", "--sink", "hook", "--since", since, "--yes"], engine);
  await sleep(1_500);
  await untilTaken(node, "hook");
  const again = new Set(receiver.arrivals.slice(place));
  return [
    figure({
      row: "F13",
      what: `events that segno events replay did not bring again, of 1 that was refused for good and ${recent.length} recent ones`,
      figure:
        (hasDead && !arrivedDead ? 0 : 1) +
        recent.filter(({ id }) => !again.has(id)).length +
        failed +
        (dead === "" ? 1 : 0),
      atMost: 0,
    }),
  ];
}

async function untilArrived({ arrivals }: WebhookReceiver, ids: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 100 && !ids.every((id) => arrivals.includes(id)); tries += 1) await sleep(100);
}

/** Events of many people, as if a day's worth had come within the moment in which the receiver went away. */
async function addBacklog(inspector: Inspector, count: number): Promise<number> {
  const [row] = await inspector.rows<{ type: string; payload: string; created_at: number }>(
    "select type, payload, created_at from segno_outbox where type = 'session.created' limit 1",
  );
  if (row === undefined) throw new Error("no event to copy");
  const template = JSON.parse(row.payload) as Record<string, unknown>;
  const values = Array.from({ length: count }, (_, index) => {
    // later than those that are there, earlier than those to come
    const id = `${(row.created_at + 1)
      .toString(16)
      .padStart(12, "0")
      .replace(/^(.{8})(.{4})$/, "$1-$2")}-7000-8000-${index.toString(16).padStart(12, "0")}`;
    const subject = `backlog-${index % 500}`;
    const payload = JSON.stringify({ ...template, id, subject }).replaceAll("'", "''");
    return `('${id}', '${row.type}', '${subject}', '${payload}', ${row.created_at + 1})`;
  });
  for (let at = 0; at < count; at += 500)
    await inspector.rows(
      `insert into segno_outbox (id, type, subject, payload, created_at) values ${values.slice(at, at + 500).join(",")}`,
    );
  return count;
}

async function compare(inspector: Inspector, { arrivals }: WebhookReceiver) {
  const rows = await inspector.rows<{ id: string; subject: string | null; position: number }>(
    "select id, subject, position from segno_outbox where position is not null",
  );
  const known = new Map(rows.map((row) => [row.id, row]));
  const arrived = new Set(arrivals);
  const last = new Map<string, number>();
  let outOfOrder = 0;
  for (const id of arrived) {
    const { subject = null, position = 0 } = known.get(id) ?? {};
    if (subject === null) continue;
    if (position < (last.get(subject) ?? 0)) outOfOrder += 1;
    last.set(subject, Math.max(position, last.get(subject) ?? 0));
  }
  const lost = rows.filter(({ id }) => !arrived.has(id)).length;
  return { lost, doubled: arrivals.length - arrived.size, outOfOrder };
}
