import { AsyncLocalStorage } from "node:async_hooks";
import { revealPersonal, type SegnoEvent, type SegnoEventData, type SegnoEventType } from "@segno/core";
import type { Actor, Engine, EventLog, NewEvent, Observer, PersonalFields } from "../engine.js";
import { createDelivery, type DeliveryOptions } from "./delivery.js";
import { toCloudEvent } from "./envelope.js";
import { insertEvents, type NewRow } from "./store.js";

/** Receives one event at a time. What it throws is retried; what it returns is awaited for at most ten seconds. */
export type EventListener<Type extends SegnoEventType = SegnoEventType> = (event: SegnoEvent<Type>) => unknown;

export interface EventLogOptions extends DeliveryOptions {
  /** The CloudEvents `source`. Default `segno`; the engine passes its issuer. */
  readonly source?: string;
  /** Seals what the audit log may know beside the event. Left out: nobody wants to know, and it is dropped. */
  readonly sealPersonal?: SealPersonal;
  /** Sees what is written, and knows the trace it belongs to. */
  readonly observer?: Observer;
}

/** @returns null for an event that is nobody's doing */
export type SealPersonal = (
  event: { readonly id: string; readonly type: SegnoEventType },
  fields: PersonalFields,
) => string | null;

/** The outbox and its delivery to this process's subscribers. */
export interface RunningEventLog extends EventLog {
  /**
   * Subscribes to one type or to all (`"*"`). Delivery is at least once with a stable `event.id`, in order per subject,
   * after the change was committed, never in its way. Of several nodes with subscribers one gets an event.
   * @returns call it to unsubscribe
   */
  on<Type extends SegnoEventType>(type: Type, listener: EventListener<Type>): () => void;
  on(type: "*", listener: EventListener): () => void;
  /** Delivers everything due and waits for the subscribers. For tests and for closing. @returns how many events were delivered */
  drain(): Promise<number>;
  /** Makes events that were moved aside due again. @returns how many */
  retryParked(): Promise<number>;
  start(): void;
  stop(): Promise<void>;
}

/**
 * Makes the event log. Without a subscriber in this process nothing is leased: rows wait for a process that has one.
 * A row that keeps failing is tried twelve times over some twenty minutes and then moved aside, never deleted.
 * Delivered rows are deleted after 24 hours.
 */
export function createEventLog(
  parts: Pick<Engine, "clock" | "random" | "newId" | "store" | "log">,
  options: EventLogOptions = {},
): RunningEventLog {
  const delivery = createDelivery(parts, options);
  const outside = AsyncLocalStorage.snapshot();
  let timer: NodeJS.Timeout | undefined;
  let isScheduled = false;

  function wake(): void {
    if (isScheduled || timer === undefined || !delivery.hasListeners()) return;
    isScheduled = true;
    outside(() =>
      setImmediate(() => {
        isScheduled = false;
        if (timer !== undefined)
          void delivery.pump().catch(() => parts.log.warn("Events could not be leased. They will be tried again."));
      }),
    );
  }

  function toRow<Type extends SegnoEventType>(actor: Actor, type: Type, data: SegnoEventData<Type>): NewRow {
    const id = parts.newId();
    const nowMs = parts.clock.nowMs();
    const traceparent = options.observer?.traceparent();
    const payload = toCloudEvent({ id, source: options.source ?? "segno", type, nowMs, actor, data, traceparent });
    options.observer?.wrote({ type, data } as NewEvent);
    const { personal: fields } = actor;
    const personal =
      fields === undefined ? null : (options.sealPersonal?.({ id, type }, revealPersonal(fields)) ?? null);
    return { id, type, subject: actor.subject ?? null, payload, personal, created_at: nowMs };
  }

  return {
    append: (trx, type, actor, data) => insertEvents(trx, [toRow(actor, type, data)]),
    appendAll: (trx, actor, events) =>
      insertEvents(
        trx,
        events.map(({ type, data }) => toRow(actor, type, data)),
      ),
    nudge: wake,
    on(type: SegnoEventType | "*", listener: (event: never) => unknown) {
      const remove = delivery.addListener(type, listener as (event: SegnoEvent) => unknown);
      wake();
      return remove;
    },
    drain: () => delivery.drain(),
    retryParked: () => delivery.retryParked(),
    start() {
      timer ??= setInterval(wake, 1_000).unref();
      wake();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await delivery.stop();
    },
  };
}
