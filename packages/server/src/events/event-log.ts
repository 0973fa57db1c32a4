import { AsyncLocalStorage } from "node:async_hooks";
import { revealPersonal, type SegnoEvent, type SegnoEventData, type SegnoEventType } from "@segno/core";
import type { Actor, Db, Engine, EventLog, NewEvent, Observer, PersonalFields } from "../engine.js";
import { type Consumer, type ConsumerOptions, createConsumer } from "./consumer.js";
import { toCloudEvent } from "./envelope.js";
import { createHooks, hooksName, type HookOptions } from "./hooks.js";
import { createRetention } from "./retention.js";
import { giveOutPositions } from "./sequence.js";
import type { EventSink } from "./sink.js";
import { insertEvents, type NewRow } from "./store.js";

/** Receives one event at a time. What it throws is retried; what it returns is awaited for at most ten seconds. */
export type EventListener<Type extends SegnoEventType = SegnoEventType> = (event: SegnoEvent<Type>) => unknown;

export interface EventLogOptions extends HookOptions, ConsumerOptions {
  /** The CloudEvents `source`. Default `segno`; the engine passes its issuer. */
  readonly source?: string;
  /** Receivers outside this process. */
  readonly sinks?: readonly EventSink[];
  /** How many days events stay after everybody has taken them. Default 7. */
  readonly keepDays?: number;
  /** Seals what the audit log may know beside the event. Left out: nobody wants to know, and it is dropped. */
  readonly sealPersonal?: SealPersonal;
  /** Called before each event is written: what it throws keeps the change from happening. */
  readonly enter?: (type: SegnoEventType) => void;
  /** Sees what is written, and knows the trace it belongs to. */
  readonly observer?: Observer;
}

/** @returns null for an event that is nobody's doing */
export type SealPersonal = (
  event: { readonly id: string; readonly type: SegnoEventType },
  fields: PersonalFields,
) => string | null;

/** The outbox and its delivery to sinks and to this process's subscribers. */
export interface RunningEventLog extends EventLog {
  /**
   * Subscribes to one type or to all (`"*"`). Delivery is at least once with a stable `event.id`, in order per subject,
   * after the change was committed, never in its way. Of several nodes with subscribers one gets an event.
   * @returns call it to unsubscribe
   */
  on<Type extends SegnoEventType>(type: Type, listener: EventListener<Type>): () => void;
  on(type: "*", listener: EventListener): () => void;
  /**
   * Calls `work` when there may be events that have their position now, and every second besides: for whoever reads with an
   * `EventReader`. One call at a time; what it throws is its own affair.
   * @returns call it to stop
   */
  onEvents(work: () => Promise<unknown>): () => void;
  /** Delivers everything due and waits for it. For tests and for closing. @returns how many events subscribers have got to */
  drain(): Promise<number>;
  start(): void;
  stop(): Promise<void>;
}

const tickMs = 1_000;
/** Positions are given away that often even where nobody is to receive anything. */
const ticksWithoutReceiver = 10;
/** What happens within this time after a delivery goes out together. */
const restMs = 10;

/**
 * Makes the event log: rows are written with the change they tell of, get their position after commit, and are delivered in
 * that order to each sink and to the subscribers, each from its own place. See docs/concepts/event-delivery.md.
 */
export function createEventLog(
  parts: Pick<Engine, "clock" | "random" | "newId" | "store" | "log">,
  options: EventLogOptions = {},
): RunningEventLog {
  const { clock, log } = parts;
  const consumers: readonly Consumer[] = (options.sinks ?? []).map((sink) => createConsumer(parts, sink, options));
  const hooks = createHooks(parts, options);
  const retention = createRetention(parts, options.keepDays ?? 7);
  const readers = new Map<() => Promise<unknown>, Promise<unknown> | undefined>();
  const outside = AsyncLocalStorage.snapshot();
  let timer: NodeJS.Timeout | undefined;
  let isScheduled = false;
  let isResting = false;
  let isWoken = false;
  let ticks = 0;
  let pumping: Promise<void> | undefined;

  const hasReceivers = () => consumers.length > 0 || readers.size > 0 || hooks.hasListeners();

  function wake(): void {
    if (timer === undefined || !hasReceivers()) return;
    isWoken = true;
    if (isScheduled || isResting || pumping !== undefined) return;
    isScheduled = true;
    outside(() =>
      setImmediate(() => {
        isScheduled = false;
        if (timer !== undefined) void pump();
      }),
    );
  }

  function tick(): void {
    ticks += 1;
    if (hasReceivers() || ticks % ticksWithoutReceiver === 0) outside(() => void pump());
  }

  /** One at a time, and not again within a moment: under load events go out in batches, whatever comes first at once. */
  function pump(): Promise<void> {
    isWoken = false;
    pumping ??= handOut()
      .then((settled) => void settled)
      .catch(() => log.warn("Events could not be handed out. They will be tried again."))
      .finally(() => {
        pumping = undefined;
        isResting = true;
        setTimeout(() => {
          isResting = false;
          if (isWoken) wake();
        }, restMs).unref();
      });
    return pumping;
  }

  /** @returns what the sinks have begun by it */
  async function handOut(): Promise<{ readonly sinks: Promise<readonly number[]> }> {
    const names = [...consumers.map(({ name }) => name), ...(hooks.hasListeners() ? [hooksName] : [])];
    // a place must be there before what it is to receive may be deleted
    await retention.run(names);
    await giveOutPositions(parts);
    await hooks.run();
    for (const work of readers.keys()) callReader(work);
    return { sinks: Promise.all(consumers.map((consumer) => consumer.run())) };
  }

  function callReader(work: () => Promise<unknown>): void {
    if (readers.get(work) !== undefined) return;
    const done = work()
      .catch(() => undefined)
      .finally(() => {
        if (readers.has(work)) readers.set(work, undefined);
      });
    readers.set(work, done);
  }

  async function drain(): Promise<number> {
    let total = 0;
    for (;;) {
      await pumping;
      const { sinks } = await handOut();
      const taken = (await sinks).reduce((sum, each) => sum + each, 0);
      await Promise.all([...readers.values()].flatMap((work) => work ?? []));
      const got = await hooks.settle();
      total += got;
      if (taken === 0 && got === 0) return total;
    }
  }

  function toRow<Type extends SegnoEventType>(trx: Db, actor: Actor, type: Type, data: SegnoEventData<Type>): NewRow {
    options.enter?.(type);
    const id = parts.newId();
    const nowMs = clock.nowMs();
    const traceparent = options.observer?.traceparent();
    const payload = toCloudEvent({ id, source: options.source ?? "segno", type, nowMs, actor, data, traceparent });
    options.observer?.wrote(trx, { type, data } as NewEvent);
    const { personal: fields } = actor;
    const personal =
      fields === undefined ? null : (options.sealPersonal?.({ id, type }, revealPersonal(fields)) ?? null);
    return { id, type, subject: actor.subject ?? null, payload, personal, created_at: nowMs };
  }

  return {
    append: (trx, type, actor, data) => insertEvents(trx, [toRow(trx, actor, type, data)]),
    appendAll: (trx, actor, events) =>
      insertEvents(
        trx,
        events.map(({ type, data }) => toRow(trx, actor, type, data)),
      ),
    nudge: wake,
    on(type: SegnoEventType | "*", listener: (event: never) => unknown) {
      const remove = hooks.add(type, listener as (event: SegnoEvent) => unknown);
      wake();
      return remove;
    },
    onEvents(work) {
      readers.set(work, undefined);
      wake();
      return () => void readers.delete(work);
    },
    drain,
    start() {
      timer ??= setInterval(tick, tickMs).unref();
      wake();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await pumping;
      await Promise.all([hooks.stop(), ...consumers.map((consumer) => consumer.stop())]);
      await Promise.all([...readers.values()].flatMap((work) => work ?? []));
    },
  };
}
