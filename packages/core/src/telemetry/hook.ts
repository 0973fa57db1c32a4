import { SegnoError } from "../errors.js";
import type { SegnoEventData, SegnoEventType } from "./events.js";

/** What may be said about an operation: plain facts. `Personal` values do not fit. */
export type TelemetryValue = string | number | boolean | readonly string[];

/** An operation as its hooks see it; read-only. */
export interface OperationContext {
  /** For example `token.verify` or `attempt.complete`. */
  readonly operation: string;
  readonly requestId: string | null;
  readonly attributes: Readonly<Record<string, TelemetryValue>>;
  /** The operation this one is a step of. */
  readonly parent?: OperationContext;
  /**
   * W3C Trace Context of whoever asked, well-formed, where the request came through a listed proxy or from a page of a known
   * origin. It names a trace and proves nothing.
   */
  readonly traceparent?: string;
}

/** How an operation ended. */
export interface OperationEnd {
  readonly outcome: "success" | "failure";
  readonly durationMs: number;
  /** What became known on the way, for example the status of the answer. */
  readonly attributes?: Readonly<Record<string, TelemetryValue>>;
}

/** What a committed change tells, before anybody was told: for counting. */
export type CommittedEvent = {
  readonly [Type in SegnoEventType]: { readonly type: Type; readonly data: SegnoEventData<Type> };
}[SegnoEventType];

/** A figure that is looked up when somebody asks, such as how many events wait. */
export interface TelemetryFigure {
  /** As metrics are called, for example `segno.outbox.waiting`. */
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Looks on while operations run. All stages are optional. A hook cannot change, delay or break the operation: the
 * context is frozen, what a stage throws or rejects is dropped, and no promise it returns is waited for.
 * Use the context object as the key of a `WeakMap` to carry a span from `before` to `finally`.
 */
export interface TelemetryHook {
  /** When the operation begins, in the order of the hooks. */
  before?(context: OperationContext): void | Promise<void>;
  /** When it succeeded, in reverse order. */
  after?(context: OperationContext, end: OperationEnd): void | Promise<void>;
  /** When it failed, in reverse order. */
  error?(context: OperationContext, error: SegnoError, end: OperationEnd): void | Promise<void>;
  /** Always last, exactly once. */
  finally?(context: OperationContext, end: OperationEnd): void | Promise<void>;
  /**
   * An event of this process was committed. In this process only, and not again after a crash: sinks and `segno.on` deliver,
   * this counts.
   */
  event?(event: CommittedEvent): void | Promise<void>;
  /** W3C Trace Context of the span this hook made for an operation under way: the events it writes carry it. */
  traceparentOf?(context: OperationContext): string | undefined;
  /** Once, when the engine starts: how to look up figures. Each call reads the store. */
  figures?(read: () => Promise<readonly TelemetryFigure[]>): void | Promise<void>;
}

/** What `withTelemetry` needs besides the work. */
export interface TelemetryScope {
  readonly hooks: readonly TelemetryHook[];
  readonly operation: string;
  readonly requestId?: string | null | undefined;
  readonly attributes?: Readonly<Record<string, TelemetryValue>>;
  readonly parent?: OperationContext | undefined;
  readonly traceparent?: string | undefined;
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
}

/** Adds to what is known of an operation under way; told with its end. */
export type NoteAttributes = (attributes: Readonly<Record<string, TelemetryValue>>) => void;

/**
 * Runs the work and lets hooks look on: `before` in order, the others in reverse order. The result or the error of
 * the work comes out unchanged.
 * @example
 * const hook = { finally: ({ operation }, { durationMs }) => console.log(operation, durationMs) } satisfies TelemetryHook;
 * const sum = await withTelemetry({ hooks: [hook], operation: "sum" }, () => 1 + 1);
 */
export async function withTelemetry<T>(
  scope: TelemetryScope,
  run: (note: NoteAttributes, context: OperationContext) => T | Promise<T>,
): Promise<T> {
  const { hooks, monotonicMs = defaultMonotonicMs } = scope;
  const context = contextOf(scope);
  const startedMs = monotonicMs();
  let noted: Record<string, TelemetryValue> | undefined;
  const note: NoteAttributes = (attributes) => {
    noted = Object.assign(noted ?? {}, attributes);
  };
  const end = (outcome: OperationEnd["outcome"]): OperationEnd => {
    const durationMs = monotonicMs() - startedMs;
    return Object.freeze(
      noted === undefined ? { outcome, durationMs } : { outcome, durationMs, attributes: Object.freeze(noted) },
    );
  };
  for (const hook of hooks) if (hook.before !== undefined) quietly(() => hook.before?.(context));
  let ended: OperationEnd | undefined;
  try {
    const result = await run(note, context);
    const success = end("success");
    ended = success;
    eachReversed(hooks, (hook) => hook.after?.(context, success));
    return result;
  } catch (caught) {
    const failure = end("failure");
    ended = failure;
    eachReversed(hooks, (hook) => hook.error?.(context, SegnoError.from(caught), failure));
    throw caught;
  } finally {
    const last = ended ?? end("failure");
    eachReversed(hooks, (hook) => hook.finally?.(context, last));
  }
}

const defaultMonotonicMs = (): number => performance.now();
const nothing: Readonly<Record<string, TelemetryValue>> = /* @__PURE__ */ Object.freeze({});

function contextOf({ operation, requestId = null, attributes, parent, traceparent }: TelemetryScope): OperationContext {
  return Object.freeze({
    operation,
    requestId,
    attributes: attributes === undefined ? nothing : Object.freeze({ ...attributes }),
    ...(parent === undefined ? {} : { parent }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });
}

function eachReversed(
  hooks: readonly TelemetryHook[],
  stage: (hook: TelemetryHook) => void | Promise<void> | undefined,
): void {
  for (let index = hooks.length - 1; index >= 0; index -= 1) {
    const hook = hooks[index];
    if (hook !== undefined) quietly(() => stage(hook));
  }
}

function quietly(stage: () => void | Promise<void> | undefined): void {
  try {
    const returned: unknown = stage();
    if (returned instanceof Promise) returned.catch(() => undefined);
  } catch {
    // a hook's fault stays with the hook
  }
}
