import { AsyncLocalStorage } from "node:async_hooks";
import {
  type NoteAttributes,
  type OperationContext,
  type OperationEnd,
  SegnoError,
  type TelemetryFigure,
  type TelemetryHook,
  type TelemetryScope,
  type TelemetryValue,
  withTelemetry,
} from "@segno/core";
import type { Db, NewEvent, Observer, Store, WatchedRequest } from "../engine.js";
import { isCounting } from "./counting.js";

const nothing: Readonly<Record<string, TelemetryValue>> = Object.freeze({});
const noNotes: NoteAttributes = () => {};
const silent: Observer = {
  isOn: false,
  watch: undefined,
  request: (_request, run) => run(noNotes),
  step: (_operation, _attributes, run) => run(noNotes),
  hooksWith: (hooks) => ({
    step: (operation, attributes, run) => withTelemetry({ hooks, operation, attributes }, run),
  }),
  wrote: () => {},
  traceparent: () => undefined,
};

/** The observer, and what the composition does with it once. */
export interface EngineObserver extends Observer {
  /** The same store; each transaction is a step, and hooks hear of what it wrote once it has committed. */
  store(bare: Store): Store;
  /** Tells hooks how to look up figures. */
  offer(read: () => Promise<readonly TelemetryFigure[]>): void;
}

/** Carries from a request to its steps which request they belong to, through everything that is awaited. */
export function createObserver(given: readonly TelemetryHook[]): EngineObserver {
  if (given.length === 0) return { ...silent, store: (bare) => bare, offer: () => {} };
  const hooks = given.map(withoutCauses);
  // those who only count need not know what belongs to what
  const counting = given.every(isCounting) ? given : undefined;
  /** What runs now. */
  const currents = new AsyncLocalStorage<OperationContext>();
  /** What a transaction under way has written so far. */
  const writtenBy = new Map<Db, NewEvent[]>();
  const tracer = hooks.find(({ traceparentOf }) => traceparentOf !== undefined);
  const listeners = hooks.filter(({ event }) => event !== undefined);

  function run<Result>(scope: TelemetryScope, work: (note: NoteAttributes) => Promise<Result>): Promise<Result> {
    return withTelemetry(scope, (note, context) => currents.run(context, work, note));
  }
  const scopeOf = () => {
    const parent = currents.getStore();
    return { parent, requestId: parent?.requestId ?? null };
  };
  const stepWith =
    (all: readonly TelemetryHook[]): Observer["step"] =>
    (operation, attributes, work) =>
      run({ hooks: all, operation, attributes, ...scopeOf() }, work);
  const counted =
    (all: readonly TelemetryHook[]): Observer["step"] =>
    (operation, attributes, work) =>
      count(all, { operation, requestId: null, attributes }, work);

  function tell(written: readonly NewEvent[]): void {
    for (const event of written) for (const hook of listeners) quietly(() => hook.event?.(event));
  }

  const observer: Observer = {
    isOn: true,
    watch:
      counting === undefined
        ? undefined
        : (operation, attributes = nothing) => watchWith(counting, { operation, requestId: null, attributes }),
    request:
      counting === undefined
        ? ({ operation, requestId, traceparent, attributes }, work) =>
            run({ hooks, operation, requestId, traceparent, attributes }, work)
        : (context, work) => count(counting, context, work),
    step: counting === undefined ? stepWith(hooks) : counted(counting),
    hooksWith: (own) => ({
      step: counting === undefined ? stepWith([...hooks, ...own]) : counted([...counting, ...own]),
    }),
    wrote(trx, event) {
      const written = writtenBy.get(trx);
      if (written === undefined) tell([event]);
      else written.push(event);
    },
    traceparent() {
      const context = tracer === undefined ? undefined : currents.getStore();
      if (context === undefined || tracer === undefined) return undefined;
      let found: string | undefined;
      quietly(() => {
        found = tracer.traceparentOf?.(context);
      });
      return found;
    },
  };
  const step = observer.step;
  return {
    ...observer,
    offer: (read) => {
      for (const hook of given) quietly(() => hook.figures?.(read));
    },
    store: (bare) => ({
      ...bare,
      async transaction(work) {
        let written: NewEvent[] = [];
        let open: Db | undefined;
        const collecting = (trx: Db) => {
          // the store may run it again: what the run before wrote was rolled back with it
          if (open !== undefined) writtenBy.delete(open);
          written = [];
          open = trx;
          writtenBy.set(trx, written);
          return work(trx);
        };
        const watched = observer.watch?.("store.transaction");
        let result: Awaited<ReturnType<typeof work>>;
        try {
          result =
            watched === undefined
              ? await step("store.transaction", nothing, () => bare.transaction(collecting))
              : await bare.transaction(collecting);
        } catch (caught) {
          watched?.end(SegnoError.from(caught));
          throw caught;
        } finally {
          if (open !== undefined) writtenBy.delete(open);
        }
        watched?.end(undefined);
        tell(written);
        return result;
      },
    }),
  };
}

function quietly(stage: () => void | Promise<void> | undefined): void {
  try {
    const returned: unknown = stage();
    if (returned instanceof Promise) returned.catch(() => undefined);
  } catch {
    // a hook's fault stays with the hook
  }
}

/** The short way, for those who only count. */
function watchWith(
  hooks: readonly TelemetryHook[],
  context: Pick<OperationContext, "operation" | "requestId" | "attributes">,
): WatchedRequest {
  const startedMs = performance.now();
  let attributes: Readonly<Record<string, TelemetryValue>> | undefined;
  return {
    note(noted) {
      attributes = attributes === undefined ? noted : { ...attributes, ...noted };
    },
    end(error) {
      const durationMs = performance.now() - startedMs;
      const outcome = error === undefined ? "success" : "failure";
      const end: OperationEnd =
        attributes === undefined ? { outcome, durationMs } : { outcome, durationMs, attributes };
      for (const hook of hooks) {
        try {
          if (error !== undefined) void hook.error?.(context, error, end);
          void hook.finally?.(context, end);
        } catch {
          // a hook's fault stays with the hook
        }
      }
    },
  };
}

async function ended<Result>(watched: WatchedRequest, work: Promise<Result>): Promise<Result> {
  try {
    const result = await work;
    watched.end(undefined);
    return result;
  } catch (caught) {
    watched.end(SegnoError.from(caught));
    throw caught;
  }
}

function count<Result>(
  hooks: readonly TelemetryHook[],
  context: Pick<OperationContext, "operation" | "requestId" | "attributes">,
  work: (note: NoteAttributes) => Promise<Result>,
): Promise<Result> {
  const watched = watchWith(hooks, context);
  return ended(watched, work(watched.note));
}

/** The same hook, which sees failures without what a driver, a mail server or a vault said of them. */
function withoutCauses(hook: TelemetryHook): TelemetryHook {
  if (hook.error === undefined) return hook;
  return {
    before: (context) => hook.before?.(context),
    after: (context, end) => hook.after?.(context, end),
    error: (context, error, end) => hook.error?.(context, withoutCauseText(error), end),
    finally: (context, end) => hook.finally?.(context, end),
    ...(hook.event === undefined ? {} : { event: (event) => hook.event?.(event) }),
    ...(hook.traceparentOf === undefined ? {} : { traceparentOf: (context) => hook.traceparentOf?.(context) }),
  };
}

/** A failure as hooks may pass it on: of its cause only the kind, because a driver's text can quote a row. */
function withoutCauseText(error: SegnoError): SegnoError {
  if (!(error.cause instanceof Error)) return error;
  const { code, message, detail, retryAfterSeconds } = error;
  const kind = Object.assign(new Error("see the engine's log"), { name: error.cause.name, stack: error.cause.name });
  const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return Object.assign(new SegnoError(code, message, { detail, cause: kind, ...wait }), { stack: error.stack });
}
