// The sinks behind the engine that hands them events: what is committed arrives, whatever the receiver does meanwhile.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { actor, type Node, openNode } from "../../../test/engine-kit.js";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../../test/https-receiver.js";
import { type TestDatabase, testDatabases } from "../../../test/stores.js";
import { createEventLog, type RunningEventLog } from "../event-log.js";
import type { EventSink } from "../sink.js";
import { jsonLinesSink, verifyWebhook, webhookSink } from "./index.js";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

describe.each(testDatabases)("sinks behind the engine: $name", { timeout: 60_000 }, ({ skipped, create }) => {
  const missing = skipped ?? noReceiver;
  if (missing !== undefined) {
    it.skip(missing, () => {});
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "segno-sinks-"));
  let receiver: HttpsReceiver;
  let database: TestDatabase;
  let node: Node;
  let log: RunningEventLog | undefined;
  beforeAll(async () => {
    receiver = await startHttpsReceiver();
  });
  afterAll(async () => {
    await receiver.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
    receiver.answerWith(() => 204);
    receiver.requests.length = 0;
  });
  afterEach(async () => {
    await log?.stop();
    await node.stop();
    await database.drop();
  });

  const open = (...sinks: EventSink[]): RunningEventLog => {
    log = createEventLog(node.engine, { sinks, keepDays: 7, sinkTimeoutMs: 5_000 });
    return log;
  };
  const hook = (): EventSink => {
    const { url, ca } = receiver;
    return webhookSink({ name: "fraud", url, ca, secrets: [secret], allowAddresses: ["127.0.0.1"], clock: node.clock });
  };
  const write = async (count: number, first = 0) =>
    await node.engine.store.transaction(async (trx) => {
      for (let index = first; index < first + count; index += 1)
        await node.events.append(
          trx,
          "session.revoked",
          { ...actor, subject: `user ${index % 5}` },
          { reason: `${index}` },
        );
    });
  /** What arrived, each event once, as subject and number. */
  const arrived = (): readonly { subject: string; number: number }[] => {
    const seen = new Set<unknown>();
    return receiver.requests.flatMap(({ body, headers }) => {
      const { id, cloudEvent } = verifyWebhook({ body, headers, secrets: [secret], nowMs: node.clock.nowMs() });
      if (seen.has(id)) return [];
      seen.add(id);
      const { subject, data } = cloudEvent as { subject: string; data: { reason: string } };
      return [{ subject, number: Number(data.reason) }];
    });
  };
  const expectAllInOrder = (count: number): void => {
    expect(arrived()).toHaveLength(count);
    for (const subject of new Set(arrived().map((each) => each.subject))) {
      const numbers = arrived().flatMap((each) => (each.subject === subject ? [each.number] : []));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  };
  const drainFor = async (running: RunningEventLog, minutes: number) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      await running.drain();
      node.clock.advance({ minutes: 1 });
    }
  };

  it("R053: hands every committed event over, signed and in order per subject", async () => {
    const running = open(hook());
    await write(40);
    await running.drain();
    expectAllInOrder(40);
  });

  it("R036: takes one kind of alert to those who keep the service up and the other to those who keep it safe", async () => {
    const { url, ca } = receiver;
    const keys = { operations: secret, security: `whsec_${Buffer.alloc(32, 2).toString("base64")}` };
    const alertsTo = (name: keyof typeof keys, types: EventSink["types"] & {}) =>
      webhookSink({ name, types, url, ca, secrets: [keys[name]], allowAddresses: ["127.0.0.1"], clock: node.clock });
    const running = open(alertsTo("operations", ["slo.*"]), alertsTo("security", ["risk.*"]));
    await node.engine.store.transaction(async (trx) => {
      const alert = { slo: "sign-in-success", kind: "burn_rate", severity: "page", windowMinutes: 60 } as const;
      await node.events.append(trx, "slo.alert", actor, { ...alert, burnRate: 20 });
      await node.events.append(trx, "risk.alert", { ...actor, subject: "user 1" }, { kind: "code_guessing" });
    });
    await write(3);
    await running.drain();
    const takenWith = (key: string) =>
      receiver.requests.flatMap(({ body, headers }) => {
        try {
          const { cloudEvent } = verifyWebhook({ body, headers, secrets: [key], nowMs: node.clock.nowMs() });
          return [(cloudEvent as { readonly type: string }).type];
        } catch {
          return [];
        }
      });
    expect(receiver.requests).toHaveLength(2);
    expect(takenWith(keys.operations)).toEqual(["dev.segno.slo.alert.v1"]);
    expect(takenWith(keys.security)).toEqual(["dev.segno.risk.alert.v1"]);
  });

  it("F13: a receiver that is down for an hour loses nothing", async () => {
    const running = open(hook());
    await receiver.leave();
    await write(30);
    await drainFor(running, 60);
    await write(10, 30);
    await receiver.comeBack();
    for (let tries = 0; tries < 30 && receiver.requests.length < 40; tries += 1) {
      node.clock.advance({ seconds: 2 });
      await running.drain();
    }
    expectAllInOrder(40);
  });

  it("F13: keeps the order of a person's events when one of them is refused for a while", async () => {
    const running = open(hook());
    let refusals = 3;
    receiver.answerWith(({ body }) => (body.includes('"reason":"1"') && refusals-- > 0 ? 422 : 204));
    await write(20);
    for (let tries = 0; tries < 60 && receiver.requests.length < 20; tries += 1) {
      await running.drain();
      node.clock.advance({ seconds: 4 });
    }
    expect(refusals).toBeLessThanOrEqual(0);
    expectAllInOrder(20);
  });

  it("writes every event to a file as one line, each whole", async () => {
    const file = join(folder, `${node.engine.newId()}.jsonl`);
    const running = open(jsonLinesSink({ name: "lines", to: file }));
    await write(250);
    await running.drain();
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    expect(lines.map((line) => (JSON.parse(line) as { data: { reason: string } }).data.reason)).toEqual(
      Array.from({ length: 250 }, (_, index) => `${index}`),
    );
  });
});
