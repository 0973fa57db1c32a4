import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSegno,
  type EventSink,
  type Segno,
  type SegnoOptions,
  silentLogger,
  type StoreSource,
} from "@segno/server";
import { postgres, sqlite } from "@segno/server/storage/sql";
import { createMailCapture, openBrowser } from "@segno/testing";
import pg from "pg";
import { loadEngineInternals } from "../engine-internals.ts";
import { openRealServers } from "../http/real-servers.ts";
import { check, median } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";

const settings = {
  baseUrl: "http://localhost:3000",
  secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
  clientIp: { source: "socket" },
  logger: silentLogger,
  production: false,
  rateLimit: false,
} as const satisfies SegnoOptions;

const fileDatabase = () => join(mkdtempSync(join(tmpdir(), "bench-")), "segno.db");

/** Events a second that get their position and are handed to a sink that does nothing. They were committed before. */
export const outboxBench: Bench = {
  name: "outbox-throughput",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const rows = [await throughput("outbox-throughput-sqlite", fileDatabase(), smoke)];
    const servers = await openRealServers((text) => say(`outbox-throughput-postgres: ${text}`));
    if (servers === undefined) return rows;
    try {
      const pool = new pg.Pool({ connectionString: servers.postgresUrl, max: 10 });
      rows.push(await throughput("outbox-throughput-postgres", postgres(pool), smoke));
      await pool.end();
    } finally {
      await servers.stop();
    }
    return rows;
  },
};

async function throughput(name: string, database: string | StoreSource, smoke: boolean): Promise<Row> {
  const { compose, resolveOptions } = await loadEngineInternals();
  let taken = 0;
  const sink: EventSink = {
    name: "nothing",
    deliver: async (events) => {
      taken += events.length;
    },
  };
  const resolved = resolveOptions({ ...settings, database, events: { sinks: [sink] } }, {});
  const { engine, events, stop } = await compose(resolved, { background: false });
  const count = smoke ? 200 : 5_000;
  const speeds: number[] = [];
  for (let round = 0; round < (smoke ? 1 : 5); round += 1) {
    await events.drain();
    for (let written = 0; written < count; written += 50) {
      await engine.store.transaction(async (trx) => {
        for (let each = 0; each < 50; each += 1) {
          const actor = { requestId: "bench", subject: `user-${(written + each) % 97}` };
          await engine.events.append(trx, "session.revoked", actor, { reason: "bench" });
        }
      });
    }
    const before = taken;
    const started = performance.now();
    await events.drain();
    speeds.push((count * 1000) / (performance.now() - started));
    check(taken - before === count, "not every event was delivered once");
  }
  await stop();
  return row({ name, unit: "events/s", ours: median(speeds), reference: 0, ratio: 0 });
}

/**
 * Sign-ins with ten subscribers, one of which sleeps for half a minute, and with none, in turn: whatever else the machine does
 * meets both. The 99th percentile is that of a round's sign-ins, each on a database that does not wait for the disk, whose
 * waits are the same on both sides and would be all that a p99 shows.
 */
export const subscribersBench: Bench = {
  name: "login-subscribers",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const none = await openSite(0);
    const ten = await openSite(10);
    const ratios: number[] = [];
    const ours: number[] = [];
    const reference: number[] = [];
    const middles: number[] = [];
    const rounds = smoke ? 1 : 12;
    const count = smoke ? 5 : 300;
    for (let round = 0; round < rounds; round += 1) {
      const times = new Map<Site, number[]>([
        [none, []],
        [ten, []],
      ]);
      for (let turn = 0; turn < count; turn += 1)
        for (const site of turn % 2 === 0 ? [none, ten] : [ten, none]) times.get(site)?.push(await site.signIn());
      if (round < 2 && !smoke) continue;
      const [with10, with0] = [times.get(ten) ?? [], times.get(none) ?? []];
      ours.push(quantile(with10, 0.99));
      reference.push(quantile(with0, 0.99));
      ratios.push(quantile(with10, 0.99) / quantile(with0, 0.99));
      middles.push(median(with10) / median(with0));
    }
    // the sleeper is still asleep: nobody waits for it
    check(ten.heard() > 0, "no subscriber heard of a sign-in");
    const figures = { unit: "ms (p99)", ours: median(ours), reference: median(reference), ratio: median(ratios) };
    const note = `the median of a sign-in: ${median(middles).toFixed(3)}`;
    return [row({ name: "login-subscribers", ...figures, atMost: 1.05, note })];
  },
};

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

interface Site {
  /** @returns how long the answer took, milliseconds */
  signIn(): Promise<number>;
  heard(): number;
}

async function openSite(subscribers: number): Promise<Site> {
  const mail = createMailCapture();
  const segno: Segno = createSegno({
    ...settings,
    database: sqlite(fileDatabase(), { durability: "normal" }),
    email: mail,
  });
  let heard = 0;
  for (let each = 0; each < subscribers; each += 1)
    segno.on("*", () => {
      heard += 1;
      return each === 0 ? new Promise((resolve) => setTimeout(resolve, 30_000).unref()) : undefined;
    });
  await segno.ready();
  const { handler, origin, basePath } = segno;
  let made = 0;
  const signIn = async (): Promise<number> => {
    made += 1;
    const browser = openBrowser({ handler, origin, basePath, nowMs: Date.now });
    const email = `ada${made}@example.com`;
    const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
    const code = await mail.nextCode(email);
    const started = performance.now();
    const { status } = await browser.call("/v1/email/verify", { attemptId: body.attemptId, code });
    const took = performance.now() - started;
    check(status === 200, `sign-in: ${status}`);
    return took;
  };
  return {
    heard: () => heard,
    signIn,
  };
}
