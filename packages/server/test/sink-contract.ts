// What every receiver of events must hold, tested against the real receiver.
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventSink, OutgoingEvent, Refusal } from "../src/events/sink.js";
import type { LivingPeer } from "./peers.js";
import { outgoingEvent, outgoingEvents, personalCanaries } from "./sink-events.js";

/** One event as somebody sees it who reads from the receiver. */
export interface ReceivedEvent {
  /** By the receiver's own means, a header or a field: not read out of the body. */
  readonly id: string;
  readonly type: string;
  readonly body: string;
  /** Everything else that was sent with it. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface OpenSink {
  readonly sink: EventSink;
  /** Ends what belongs to the application and not to the sink: a client, a pool. */
  readonly end: () => Promise<void>;
}

/** A real receiver. Whoever starts it keeps what arrived, also while it is away. */
export interface SinkReceiver {
  readonly open: () => Promise<OpenSink>;
  /** What arrived since the start, oldest first. */
  readonly received: () => Promise<readonly ReceivedEvent[]>;
  /** Kills it: connections break, new ones are refused. */
  readonly leave: () => Promise<void>;
  /** It takes bytes and never answers. */
  readonly hang: () => Promise<void>;
  /** Undoes `leave` or `hang`. */
  readonly comeBack: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface SinkContract {
  readonly name: string;
  /** Starts the receiver, or says why it is not there: then the suite is skipped. */
  readonly start: () => Promise<SinkReceiver | { readonly missing: string }>;
  /** Whether the receiver itself drops what it has seen. Else whoever reads from it sees the id again. */
  readonly isDeduplicating: boolean;
  /** Whether it answers after `hang` what it was asked before, as a process that was held still does. */
  readonly isPausable?: boolean;
  /** An event that the receiver does not take. Default: one of two mebibytes. */
  readonly refused?: () => OutgoingEvent;
  /** How long one call may take here. Default 3000. */
  readonly limitMs?: number;
}

/** A call that must have ended by now is given this much for a busy machine. */
const graceMs = 1_500;
const patienceMs = 30_000;

/** @param more further cases on the same receiver, which the suite stops afterwards */
export async function sinkContract(
  { name, start, isDeduplicating, isPausable = false, refused = tooBig, limitMs = 3_000 }: SinkContract,
  more?: (receiver: () => SinkReceiver) => void,
): Promise<void> {
  const started = await start();
  describe(`sink contract: ${name}`, { timeout: 60_000 }, () => {
    if ("missing" in started) {
      it.skip(`skipped: ${started.missing}`, () => {});
      return;
    }
    const receiver = started;
    let open: OpenSink;
    beforeAll(async () => {
      open = await receiver.open();
    });
    afterAll(async () => {
      await open.sink.close?.();
      await open.end();
      await receiver.stop();
    }, 60_000);
    const deliver = (events: readonly OutgoingEvent[]) => open.sink.deliver(events, AbortSignal.timeout(limitMs));

    it("has a name that can stand in the database", () => {
      expect(open.sink.name).toMatch(/^[a-z][a-z0-9-]{0,39}$/);
    });

    it("hands over a batch: the exact bytes, in order per subject, id and type readable from outside", async () => {
      const batch = outgoingEvents(25);
      expect(refusalsOf(await deliver(batch))).toEqual([]);
      const arrived = await arrivedOf(receiver, batch);
      expect(arrived).toHaveLength(25);
      for (const subject of new Set(batch.map(({ event }) => event.subject))) {
        const sent = batch.filter(({ event }) => event.subject === subject);
        const seen = arrived.filter(({ id }) => sent.some(({ event }) => event.id === id));
        expect(seen.map(({ id, type, body }) => ({ id, type, body }))).toEqual(
          sent.map(({ event, cloudEvent }) => ({ id: event.id, type: event.type, body: cloudEvent })),
        );
      }
    });

    it("takes an event without a subject, and a call without events", async () => {
      const event = outgoingEvent({ subject: null });
      await deliver([event]);
      await deliver([]);
      expect(await arrivedOf(receiver, [event])).toHaveLength(1);
    });

    it("makes a redelivery recognisable by the id", async () => {
      const batch = outgoingEvents(5, { subject: "usr_again" });
      await deliver(batch);
      await deliver(batch);
      await deliver([...batch.slice(3), outgoingEvent({ subject: "usr_again" })]);
      const arrived = await arrivedOf(receiver, batch);
      for (const { event, cloudEvent } of batch) {
        const copies = arrived.filter(({ id }) => id === event.id);
        if (isDeduplicating) expect(copies).toHaveLength(1);
        expect(copies.length).toBeGreaterThanOrEqual(1);
        expect(new Set(copies.map(({ body }) => body))).toEqual(new Set([cloudEvent]));
      }
    });

    it("refuses an event that the receiver does not take, and hands over the others of the batch", async () => {
      const [before, bad, after] = [outgoingEvents(2), refused(), outgoingEvents(2)];
      const refusals = refusalsOf(await deliver([...before, bad, ...after]));
      expect(refusals.map(({ id }) => id)).toEqual([bad.event.id]);
      expect(refusals[0]?.reason).toMatch(/^.{2,60}$/);
      expectNothingPersonal(refusals);
      expect(await arrivedOf(receiver, [...before, ...after])).toHaveLength(4);
      expect(await arrivedOf(receiver, [bad])).toEqual([]);
    });

    it("sends nothing when it is called too late", async () => {
      const event = outgoingEvent();
      await expect(open.sink.deliver([event], AbortSignal.abort())).rejects.toThrow();
      expect(await arrivedOf(receiver, [event])).toEqual([]);
    });

    it("rejects within the limit when the receiver is down, and comes back by itself", async () => {
      const batch = outgoingEvents(10, { subject: "usr_down" });
      await receiver.leave();
      for (let tries = 0; tries < 2; tries += 1) await expectRejected(deliver(batch), limitMs);
      await receiver.comeBack();
      await untilDelivered(deliver, batch);
      expect(new Set((await arrivedOf(receiver, batch)).map(({ id }) => id)).size).toBe(10);
    });

    it("survives a receiver that goes and comes while nothing is sent", async () => {
      const event = outgoingEvent();
      await receiver.leave();
      await receiver.comeBack();
      await untilDelivered(deliver, [event]);
    });

    it("stops waiting for a receiver that never answers as soon as it is told to", async () => {
      const batch = outgoingEvents(10, { subject: "usr_slow" });
      await receiver.hang();
      const abort = new AbortController();
      const call = open.sink.deliver(batch, abort.signal);
      const ended = expectRejected(call, 500);
      setTimeout(() => abort.abort(), 500);
      await ended;
      await receiver.comeBack();
      await untilDelivered(deliver, batch);
      expect(new Set((await arrivedOf(receiver, batch)).map(({ id }) => id)).size).toBe(10);
    });

    it.runIf(isPausable)("waits for a slow receiver as long as it may", async () => {
      const batch = outgoingEvents(10);
      await receiver.hang();
      const call = deliver(batch);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await receiver.comeBack();
      expect(refusalsOf(await call)).toEqual([]);
      expect(await arrivedOf(receiver, batch)).toHaveLength(10);
    });

    it("killed among batches: nothing is lost after redelivery, and what came twice is the same", async () => {
      const batches = Array.from({ length: 30 }, () => outgoingEvents(40));
      let restarted: Promise<void> | undefined;
      for (const [at, batch] of batches.entries()) {
        if (at === 5) restarted = receiver.leave().then(() => receiver.comeBack());
        await untilDelivered(deliver, batch);
      }
      await restarted;
      const sent = new Map(batches.flat().map(({ event, cloudEvent }) => [event.id, cloudEvent]));
      const arrived = await arrivedOf(receiver, batches.flat());
      expect(new Set(arrived.map(({ id }) => id)).size).toBe(sent.size);
      if (isDeduplicating) expect(arrived).toHaveLength(sent.size);
      for (const { id, body } of arrived) expect(body).toBe(sent.get(id));
    });

    it("lets go of everything when it is closed: nothing of it keeps a process alive", async () => {
      const before = resources();
      const short = await receiver.open();
      await short.sink.deliver(outgoingEvents(3), AbortSignal.timeout(limitMs));
      await short.sink.close?.();
      await short.end();
      await untilTrue(() => isNoMore(resources(), before));
      expect(isNoMore(resources(), before), `${resources().join()} instead of ${before.join()}`).toBe(true);
    });

    it("sends nothing personal: no address, number, IP or token stands in anything that arrived", async () => {
      expectNothingPersonal(await receiver.received());
    });

    more?.(() => receiver);
  });
}

/** How a server goes and comes. */
export function comingsOf(peer: LivingPeer): Pick<SinkReceiver, "leave" | "hang" | "comeBack"> {
  let isPaused = false;
  return {
    leave: peer.kill,
    async hang() {
      isPaused = true;
      peer.pause();
    },
    async comeBack() {
      if (isPaused) peer.resume();
      else await peer.restart();
      isPaused = false;
    },
  };
}

function tooBig(): OutgoingEvent {
  return outgoingEvent({ bytes: 2 * 1024 * 1024 });
}

function refusalsOf(answer: readonly Refusal[] | void): readonly Refusal[] {
  return answer ?? [];
}

/** What arrived of these. */
export async function arrivedOf(
  receiver: Pick<SinkReceiver, "received">,
  events: readonly OutgoingEvent[],
): Promise<readonly ReceivedEvent[]> {
  const ids = new Set(events.map(({ event }) => event.id));
  return (await receiver.received()).filter(({ id }) => ids.has(id));
}

/** As the engine does it: the same batch again and again, until the receiver has it. */
export async function untilDelivered(
  deliver: (events: readonly OutgoingEvent[]) => Promise<readonly Refusal[] | void>,
  events: readonly OutgoingEvent[],
): Promise<void> {
  let fault: unknown;
  const isDelivered = await untilTrue(async () => {
    try {
      await deliver(events);
      return true;
    } catch (error) {
      fault = error;
      return false;
    }
  });
  if (!isDelivered) throw new Error("The receiver is back, the sink is not.", { cause: fault });
}

async function untilTrue(isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  const endsAt = performance.now() + patienceMs;
  while (performance.now() < endsAt) {
    if (await isTrue()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

async function expectRejected(call: Promise<unknown>, limitMs: number): Promise<void> {
  const startedAt = performance.now();
  const fault: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(Error);
  expect(performance.now() - startedAt).toBeLessThan(limitMs + graceMs);
  expectNothingPersonal(fault);
}

function expectNothingPersonal(value: unknown): void {
  const text = inspect(value, { depth: 12, maxStringLength: null, maxArrayLength: null });
  for (const canary of personalCanaries) expect(text.includes(canary), `${canary} was sent`).toBe(false);
}

/** What keeps the process alive: sockets, timers, servers. */
function resources(): string[] {
  return process.getActiveResourcesInfo().toSorted();
}

function isNoMore(now: readonly string[], before: readonly string[]): boolean {
  const left = [...before];
  return now.every((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}
