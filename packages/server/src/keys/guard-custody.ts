import { type Clock, isSegnoError, SegnoError, type TelemetryHook } from "@segno/core";
import type { Observer } from "../engine.js";
import { createBreaker } from "./breaker.js";
import type { KeyCustody } from "./custody.js";
import { createGate } from "./gate.js";
import { custodyId } from "./key-material.js";

/** What a custody is asked for. */
export type CustodyCall = "wrap" | "unwrap" | "rewrap" | "generate" | "sign" | "destroy" | "check";

/** The outage a custody is in, or came out of. */
export interface CustodyOutage {
  /** What it did not answer last. */
  readonly call: CustodyCall;
  readonly fault: "timeout" | "refused";
  readonly failures: number;
  /** What the custody called it, when it said: `sealed`, `forbidden`. */
  readonly reason?: string;
}

export interface GuardOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly observer: Observer;
  /** Told once when the custody stops answering. */
  readonly onFailed: (outage: CustodyOutage) => void;
  /** Told once when it answers again. */
  readonly onRecovered: (outage: CustodyOutage & { readonly downMs: number }) => void;
}

/** The calls of one kind since they were last looked at. */
export interface CallFigures {
  readonly count: number;
  readonly failures: number;
  readonly meanMs: number;
  readonly slowestMs: number;
}

export interface GuardedCustody {
  readonly custody: KeyCustody;
  /** Whether it does not answer. */
  isFailing(): boolean;
  /** How signatures went since the last time this was called; undefined when none was asked for. */
  takeSignFigures(): CallFigures | undefined;
  stop(): Promise<void>;
}

/** Calls under way at the same time: a slow vault gets no more than this, however many people sign in. */
export const maxInFlight = 32;
/** And this many wait for their turn. The next one is told to come back. */
export const maxWaiting = 256;
/** While a custody does not answer, one call in this time finds out whether it does: what bounds a recovery. */
export const restMs = 2_000;
const failuresToOpen = 3;
/** A call that does not heed its signal holds its place this many times as long, then is given up. */
const patience = 5;

/**
 * A custody that can be slow, down or flapping and harms nothing but itself: each call ends after `timeoutMs`, waiting
 * for its turn included; few run at the same time; while it does not answer, callers are told so at once. Every failure
 * is `key_unavailable` with a time to come back.
 */
export function guardCustody(custody: KeyCustody, options: GuardOptions): GuardedCustody {
  const { clock, timeoutMs } = options;
  const attributes = { custody: custodyId(custody) };
  const figures = createSignFigures();
  const { step } = options.observer.hooksWith([figures.hook]);
  const gate = createGate({ inFlight: maxInFlight, waiting: maxWaiting });
  const breaker = createBreaker(clock, restMs);
  let inARow = 0;
  let outage: CustodyOutage = { call: "check", fault: "refused", failures: 0 };
  let prober: NodeJS.Timeout | undefined;

  function unavailable(message: string, cause?: unknown): SegnoError {
    const given = isSegnoError(cause) ? cause.retryAfterSeconds : undefined;
    const retryAfterSeconds = given ?? Math.ceil(restMs / 1000);
    return new SegnoError("key_unavailable", message, {
      cause,
      retryAfterSeconds,
      detail: { ...attributes, ...reasonOf(cause) },
    });
  }

  function succeeded(): void {
    inARow = 0;
    const downMs = breaker.close();
    if (downMs === undefined) return;
    clearInterval(prober);
    prober = undefined;
    options.onRecovered({ ...outage, downMs });
  }

  function failed(call: CustodyCall, fault: CustodyOutage["fault"], cause: unknown): void {
    inARow += 1;
    const failures = breaker.isOpen() ? outage.failures + 1 : inARow;
    outage = { call, fault, failures, ...reasonOf(cause) };
    if (breaker.isOpen()) breaker.open();
    else if (inARow >= failuresToOpen && (fault === "timeout" || call === "check")) open();
    // one key that does not open is no outage: whether the custody itself answers decides
    else if (inARow >= failuresToOpen) void check().catch(() => {});
  }

  function open(): void {
    if (!breaker.open()) return;
    // a recovery is noticed although nobody signs in
    prober = setInterval(() => void check().catch(() => {}), restMs).unref();
    options.onFailed(outage);
  }

  const check = () => guarded("check", (signal) => custody.check(signal));

  async function guarded<Result>(call: CustodyCall, ask: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    if (!breaker.pass()) throw unavailable("The custody does not answer.");
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const leave = await gate.enter(abort.signal);
      if (leave === "full") throw unavailable("Too many calls wait for the custody.");
      if (leave === undefined) throw unavailable("The custody is too slow for all who ask.");
      return await answered(call, { asked: started(ask, abort.signal), leave, signal: abort.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  async function answered<Result>(
    call: CustodyCall,
    under: { readonly asked: Promise<Result>; readonly leave: () => void; readonly signal: AbortSignal },
  ): Promise<Result> {
    const { asked, leave, signal } = under;
    const givenUp = setTimeout(leave, timeoutMs * patience).unref();
    void asked.then(leave, leave).finally(() => clearTimeout(givenUp));
    try {
      const result = await Promise.race([asked, aborted(signal)]);
      succeeded();
      return result;
    } catch (cause) {
      failed(call, signal.aborted ? "timeout" : "refused", cause);
      throw unavailable(
        signal.aborted ? "The custody did not answer in time." : "The custody refused or did not answer.",
        cause,
      );
    }
  }

  const watched = <Result>(call: CustodyCall, ask: (signal: AbortSignal) => Promise<Result>): Promise<Result> =>
    step(`custody.${call}`, attributes, () => guarded(call, ask));

  return {
    custody: throughGuard(custody, watched),
    isFailing: () => breaker.isOpen(),
    takeSignFigures: figures.take,
    async stop() {
      clearInterval(prober);
      await custody.close?.();
    },
  };
}

type Watched = <Result>(call: CustodyCall, ask: (signal: AbortSignal) => Promise<Result>) => Promise<Result>;

/** The same port; each verb goes through the guard, which makes the signal. */
function throughGuard(custody: KeyCustody, watched: Watched): KeyCustody {
  const { name } = custody;
  const check = () => watched("check", (signal) => custody.check(signal));
  if (custody.mode === "remote") {
    const { algorithms, destroy } = custody;
    return {
      mode: "remote",
      name,
      ...(algorithms === undefined ? {} : { algorithms }),
      check,
      generate: (input) => watched("generate", (signal) => custody.generate(input, signal)),
      sign: (input, key) => watched("sign", (signal) => custody.sign(input, key, signal)),
      ...(destroy === undefined
        ? {}
        : { destroy: (key) => watched("destroy", (signal) => destroy.call(custody, key, signal)) }),
    };
  }
  const { rewrap } = custody;
  return {
    mode: "wrapped",
    name,
    check,
    wrap: (plain, context) => watched("wrap", (signal) => custody.wrap(plain, context, signal)),
    unwrap: (wrapped, context) => watched("unwrap", (signal) => custody.unwrap(wrapped, context, signal)),
    ...(rewrap === undefined
      ? {}
      : {
          rewrap: (wrapped, context) => watched("rewrap", (signal) => rewrap.call(custody, wrapped, context, signal)),
        }),
  };
}

function createSignFigures(): { readonly hook: TelemetryHook; readonly take: () => CallFigures | undefined } {
  let count = 0;
  let failures = 0;
  let totalMs = 0;
  let slowestMs = 0;
  return {
    hook: {
      finally({ operation }, { outcome, durationMs }) {
        if (operation !== "custody.sign") return;
        count += 1;
        if (outcome === "failure") failures += 1;
        totalMs += durationMs;
        slowestMs = Math.max(slowestMs, durationMs);
      },
    },
    take() {
      if (count === 0) return undefined;
      const taken = { count, failures, meanMs: Math.round(totalMs / count), slowestMs: Math.round(slowestMs) };
      count = failures = totalMs = slowestMs = 0;
      return taken;
    },
  };
}

/** What a custody called its fault, for a log: `sealed`, `ECONNREFUSED`. Empty when it did not say. */
export function reasonOf(fault: unknown): { readonly reason?: string } {
  const reason = isSegnoError(fault, "key_unavailable") ? fault.detail["reason"] : undefined;
  return typeof reason === "string" ? { reason } : {};
}

/** A custody that throws instead of rejecting is no worse. */
async function started<Result>(ask: (signal: AbortSignal) => Promise<Result>, signal: AbortSignal): Promise<Result> {
  return await ask(signal);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new TypeError("aborted")), { once: true });
  });
}
