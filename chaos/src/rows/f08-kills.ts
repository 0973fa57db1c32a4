import { join } from "node:path";
import { parseTrustedKeys, verifyLog } from "@segno/server/audit";
import { createMailCapture } from "@segno/testing";
import { readLeaves } from "../audit-files.ts";
import { sleep } from "../http.ts";
import {
  type Acknowledged,
  countHalfMade,
  countLost,
  type Inspector,
  inspectPostgres,
  inspectSqlite,
} from "../inspect.ts";
import { type CrashPoint, crashPointNames } from "../nodes/crash-points.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { createDatabase } from "../peers/peers.ts";
import { browserAt, signUpMany } from "../people.ts";
import { type ChaosRow, type Figure, figure, type RunOptions } from "../report.ts";
import { sqliteFile } from "../sqlite-file.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { countDeadFamilies, startWriters } from "../writers.ts";

export const randomKills: ChaosRow = {
  name: "F8",
  what: "kill -9 of the engine under load, its audit log on: at named points and at random moments, on SQLite and PostgreSQL",
  compressed:
    "12 kills at named points and 20 at random moments each instead of 1,000 (--long: 1,000); the sweep over every statement is crash.test.ts of packages/server; leases of 30 s run out on the node's clock",
  breaks:
    "the outbox: a tenth of what it holds is deleted before the audit log takes the last of it and all is checked",
  async run(options) {
    const kills = options.isLong ? 500 : options.isSmoke ? 2 : 20;
    const points = options.isSmoke ? 1 : 3;
    const file = sqliteFile();
    const url = await createDatabase(await options.peers.postgres());
    return [
      ...(await campaign("SQLite", file, () => inspectSqlite(file.file), { ...options, kills, points })),
      ...(await campaign("PostgreSQL", { kind: "postgres", url, max: 8 }, () => inspectPostgres(url), {
        ...options,
        kills,
        points,
      })),
    ];
  },
};

interface CampaignOptions extends RunOptions {
  readonly kills: number;
  readonly points: number;
}

async function campaign(
  name: string,
  database: object,
  inspect: () => Inspector,
  options: CampaignOptions,
): Promise<readonly Figure[]> {
  const delivered: string[] = [];
  const mail = createMailCapture();
  let node: ForkedNode | undefined;
  const boot = async (crash?: CrashPoint) => {
    const onTold = (told: { event?: string; mail?: Parameters<typeof mail.send>[0] }) => {
      if (told.event !== undefined) delivered.push(told.event);
      if (told.mail !== undefined) void mail.send(told.mail);
    };
    node = await forkNode("engine", { database, tellsEvents: true, audit: {}, crash }, { onTold });
    return node;
  };
  const port = () => node?.port ?? 1;

  await boot();
  const people = await signUpMany(4, port);
  const writers = await startWriters({ port, people });
  const mailing = startMailing(port, mail);
  let died = 0;
  for (let pass = 1; pass <= options.points; pass += 1) {
    for (const at of crashPointNames) {
      await node?.kill();
      if (at === "event handed over") await endLeases(inspect());
      // "started" dies before it can say that it has
      const crashing = await boot({ at, pass: at === "started" ? 1 : pass * 2 }).catch(() => undefined);
      if (crashing !== undefined) await Promise.race([crashing.ended(), sleep(5_000)]);
      if (node?.isAlive !== true) died += 1;
    }
  }
  for (let kill = 0; kill < options.kills; kill += 1) {
    await node?.kill();
    await boot();
    await sleep(50 + ((kill * 67) % 400));
  }
  await node?.kill();
  await boot();
  await sleep(500);
  await mailing.stop();
  await writers.stop();
  const dead = await countDeadFamilies(port(), writers.newest);
  // what a dead process had leased is free again after half a minute
  await node?.ask("advance", 35_000);
  const inspector = inspect();
  await untilDelivered(inspector);
  if (options.isBroken) await breakOutbox(inspector);
  const audit = await checkAudit(node, inspector, writers.acknowledged);
  const lost = await countLost(inspector, writers.acknowledged);
  const halfMade = await countHalfMade(inspector);
  const unheard = await neverDelivered(inspector, delivered);
  await inspector.close();
  await node?.stop();
  const named = options.points * crashPointNames.length;
  const found = Object.entries(halfMade).filter(([, count]) => count > 0);
  return [
    figure({ row: "F8", what: `${name}: died at a named point, of ${named}`, figure: died, atLeast: named }),
    figure({
      row: "F8",
      what: `${name}: acknowledged changes not there, or not exactly once in the outbox, of ${total(writers.acknowledged)} in ${named + options.kills} kills`,
      figure: lost + (total(writers.acknowledged) < 20 ? Number.NaN : 0),
      atMost: 0,
    }),
    figure({
      row: "F8",
      what: `${name}: half-made users, sessions, families, passkeys, doubled events`,
      figure: Object.values(halfMade).reduce((sum, count) => sum + count, 0),
      atMost: 0,
      ...(found.length === 0 ? {} : { note: found.map(([what, count]) => `${count} ${what}`).join(", ") }),
    }),
    figure({
      row: "F8",
      what: `${name}: acknowledged changes not exactly once in the audit log, and events in it that are not in the outbox or the other way round, of ${audit.leaves}`,
      figure: audit.wrong,
      atMost: 0,
    }),
    figure({ row: "F8", what: `${name}: faults a verifier finds in the audit log`, figure: audit.problems, atMost: 0 }),
    figure({ row: "F8", what: `${name}: events that no subscriber ever got`, figure: unheard, atMost: 0 }),
    figure({ row: "F8", what: `${name}: clients signed out by a kill`, figure: dead + writers.signedOut, atMost: 0 }),
  ];
}

const total = ({ users, tokens }: Acknowledged): number => users.length + tokens.length;

/** Somebody keeps asking for mail, so that there is always one on its way. */
function startMailing(port: () => number, mail: ReturnType<typeof createMailCapture>) {
  let isOn = true;
  const work = (async () => {
    for (let round = 0; isOn; round += 1) {
      const email = `mailed-${round}@example.com`;
      const browser = browserAt(port);
      try {
        const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
        const { text } = await mail.next(email, { timeoutMs: 500 });
        const code = /\b\d{3}[ -]?\d{3}\b/.exec(text)?.[0]?.replace(/\D/g, "");
        await browser.call("/v1/email/verify", { attemptId: body.attemptId, code });
      } catch {
        await sleep(20);
      }
    }
  })();
  return {
    async stop() {
      isOn = false;
      await work;
    },
  };
}

/** What the dead process delivered is free at once: half a minute later a refresh could not be sent again. */
async function endLeases(inspector: Inspector): Promise<void> {
  await inspector.rows("update segno_event_cursors set lease_until = 0");
  await inspector.close();
}

/** Holds the exported log against what was acknowledged, and against the outbox. */
async function checkAudit(node: ForkedNode | undefined, inspector: Inspector, { users, tokens }: Acknowledged) {
  const folder = join(temporaryFolder(), "audit");
  const keys = (await node?.ask<string>("exportAudit", folder)) ?? "";
  const { problemCount } = await verifyLog(folder, { keys: parseTrustedKeys(keys) });
  const leaves = readLeaves(folder);
  const times = new Map<string, number>();
  const count = (key: string) => times.set(key, (times.get(key) ?? 0) + 1);
  for (const { type, event } of leaves) {
    count(event.id);
    if (type === "user.created") count(`user ${event.subject}`);
    if (type === "token.issued") count(`token ${String(event.data["jti"])}`);
  }
  const rows = await inspector.rows<{ id: string }>("select id from segno_outbox where type not like 'ui.%'");
  const kept = new Set(rows.map(({ id }) => id));
  const wanted = [...users.map((id) => `user ${id}`), ...tokens.map((jti) => `token ${jti}`), ...kept];
  const wrong = wanted.filter((key) => times.get(key) !== 1).length;
  const foreign = leaves.filter(({ event }) => !kept.has(event.id)).length;
  return { leaves: leaves.length, wrong: wrong + foreign, problems: problemCount };
}

/** Without a position, or not passed by the subscriber yet. */
const undelivered = `select (select count(*) from segno_outbox where position is null)
  + (select count(*) from segno_event_cursors c, segno_event_sequence s where c.position < s.position)
  + (select count(*) from segno_event_failures where dead_at is null)`;

async function untilDelivered(inspector: Inspector): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await inspector.count(undelivered)) === 0) return;
    await sleep(100);
  }
}

async function neverDelivered(inspector: Inspector, delivered: readonly string[]): Promise<number> {
  const heard = new Set(delivered);
  const rows = await inspector.rows<{ id: string }>("select id from segno_outbox");
  return rows.filter(({ id }) => !heard.has(id)).length;
}

async function breakOutbox(inspector: Inspector): Promise<void> {
  await inspector.rows("delete from segno_outbox where substr(id, 36) = '7' or substr(id, 36) = '8'");
}
