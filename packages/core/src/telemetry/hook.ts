import { SegnoError } from "../errors.js";

/** What may be said about an operation: plain facts. `Personal` values do not fit. */
export type TelemetryValue = string | number | boolean | readonly string[];

/** An operation as its hooks see it; read-only. */
export interface OperationContext {
  /** For example `token.verify` or `attempt.complete`. */
  readonly operation: string;
  readonly requestId: string | null;
  readonly attributes: Readonly<Record<string, TelemetryValue>>;
}

/** How an operation ended. */
export interface OperationEnd {
  readonly outcome: "success" | "failure";
  readonly durationMs: number;
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
}

/** What `withTelemetry` needs besides the work. */
export interface TelemetryScope {
  readonly hooks: readonly TelemetryHook[];
  readonly operation: string;
  readonly requestId?: string | null | undefined;
  readonly attributes?: Readonly<Record<string, TelemetryValue>>;
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
}

/**
 * Runs the work and lets hooks look on: `before` in order, the others in reverse order. The result or the error of
 * the work comes out unchanged.
 * @example
 * const hook = { finally: ({ operation }, { durationMs }) => console.log(operation, durationMs) } satisfies TelemetryHook;
 * const sum = await withTelemetry({ hooks: [hook], operation: "sum" }, () => 1 + 1);
 */
export async function withTelemetry<T>(scope: TelemetryScope, run: () => T | Promise<T>): Promise<T> {
  const { hooks, operation, requestId = null, monotonicMs = () => performance.now() } = scope;
  const attributes = Object.freeze({ ...scope.attributes });
  const context: OperationContext = Object.freeze({ operation, requestId, attributes });
  const reversed = hooks.toReversed();
  const startedMs = monotonicMs();
  const end = (outcome: OperationEnd["outcome"]): OperationEnd =>
    Object.freeze({ outcome, durationMs: monotonicMs() - startedMs });
  for (const hook of hooks) quietly(() => hook.before?.(context));
  let ended: OperationEnd | undefined;
  try {
    const result = await run();
    const success = end("success");
    ended = success;
    for (const hook of reversed) quietly(() => hook.after?.(context, success));
    return result;
  } catch (caught) {
    const failure = end("failure");
    ended = failure;
    for (const hook of reversed) quietly(() => hook.error?.(context, SegnoError.from(caught), failure));
    throw caught;
  } finally {
    const last = ended ?? end("failure");
    for (const hook of reversed) quietly(() => hook.finally?.(context, last));
  }
}

function quietly(stage: () => void | Promise<void>): void {
  try {
    const returned: unknown = stage();
    if (returned instanceof Promise) returned.catch(() => undefined);
  } catch {
    // a hook's fault stays with the hook
  }
}
