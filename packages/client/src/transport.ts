import { localError, parseError } from "./parse-error.js";
import { type ClientSpan, createTracer, offlineCode, spanName, type SpanStart } from "./trace.js";
import { type ClientError, failure, type Result, success } from "./result.js";

export interface RequestSpec {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the base path. */
  readonly path: string;
  readonly body?: unknown;
  /** Sent form-encoded instead of `body`. */
  readonly form?: Readonly<Record<string, string>>;
  /** Sending it twice has the effect of once. Default: true for GET and DELETE. */
  readonly isIdempotent?: boolean;
  /** Goes on when the page goes away. */
  readonly keepalive?: boolean;
  /** Part of an attempt to sign in, which belongs to this browser: token mode names it in a header. */
  readonly isAttempt?: boolean;
  /** Extra headers for this method and absolute URL, computed anew for each try. */
  readonly headers?: (method: string, url: string) => Promise<Readonly<Record<string, string>>>;
  /** Sees every answer before it is read. Return true to send the request once more (a DPoP nonce was asked for). */
  readonly onResponse?: (response: Response) => boolean;
}

export interface TransportOptions {
  readonly url: (path: string) => string;
  readonly fetch: typeof fetch;
  readonly credentials: RequestCredentials;
  readonly timeoutMs: number;
  readonly delay: (milliseconds: number) => Promise<void>;
  readonly random: () => number;
  readonly wallMs: () => number;
  /** Whether the service is told of the trace: not where that alone would cost a preflight. */
  readonly isTraced: () => boolean;
  readonly onSpan?: ((span: ClientSpan) => void) | undefined;
}

export type Send = <T>(spec: RequestSpec) => Promise<Result<T>>;

const maxTries = 3;
const firstDelayMs = 300;
const longestDelayMs = 10_000;

/** Sends a request and repeats it where the error says so, the method is safe to repeat, and the wait is short. */
export function createTransport(options: TransportOptions): Send {
  const tracer = createTracer(options.wallMs);
  return async <T>(spec: RequestSpec): Promise<Result<T>> => {
    const traceId = tracer.trace(spec);
    const isIdempotent = spec.isIdempotent ?? (spec.method === "GET" || spec.method === "DELETE");
    let hasFollowedUp = false;
    for (let tries = 1; ; tries += 1) {
      const { result, again } = await sendOnce<T>(options, spec, tracer.span(traceId));
      if (again && !hasFollowedUp) {
        hasFollowedUp = true;
        tries -= 1;
        continue;
      }
      if (result.error === null || !isIdempotent || tries >= maxTries || isOffline()) return result;
      const waitMs = retryDelayMs(result.error.retry, tries, options.random);
      if (waitMs === undefined) return result;
      await options.delay(waitMs);
    }
  };
}

/** Exponential back-off with jitter; a wait the service names is a minimum. Undefined: do not repeat. */
function retryDelayMs(
  retry: { readonly when: string; readonly afterSeconds?: number },
  tries: number,
  random: () => number,
): number | undefined {
  if (retry.when !== "after_delay") return undefined;
  const jitterMs = firstDelayMs * 2 ** (tries - 1) * (0.5 + random() / 2);
  const waitMs = (retry.afterSeconds ?? 0) * 1000 + jitterMs;
  return waitMs > longestDelayMs ? undefined : waitMs;
}

function isOffline(): boolean {
  return globalThis.navigator?.onLine === false;
}

async function sendOnce<T>(
  options: TransportOptions,
  spec: RequestSpec,
  span: SpanStart,
): Promise<{ readonly result: Result<T>; readonly again: boolean }> {
  const startedAtMs = options.wallMs();
  const startedMs = performance.now();
  let answer: Response | undefined;
  let result: Result<T> | undefined;
  const url = options.url(spec.path);
  // No answer, or one that is not the service's own, such as a proxy's: the trace is what both sides may know.
  const withCode = (of: Result<T>): Result<T> =>
    of.error ? failure({ supportCode: offlineCode(span.traceId, startedAtMs), ...of.error }) : of;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.timeoutMs);
  try {
    answer = await options.fetch(url, {
      method: spec.method,
      headers: {
        accept: "application/json",
        ...(options.isTraced() ? { traceparent: span.traceparent } : {}),
        ...contentType(spec),
        ...(await spec.headers?.(spec.method, url)),
      },
      ...encode(spec),
      credentials: options.credentials,
      cache: "no-store",
      // A 307 would forward the body, and with it a code or token, to wherever it points (RFC 9700 section 4.12).
      redirect: "error",
      signal: abort.signal,
      ...(spec.keepalive && { keepalive: true }),
    });
    const again = spec.onResponse?.(answer) === true;
    result = withCode(await read<T>(answer));
    return { result, again };
  } catch {
    result = withCode(failure(localError(abort.signal.aborted ? "timeout" : "network")));
    return { result, again: false };
  } finally {
    clearTimeout(timer);
    tell(options, spec, { span, startedAtMs, startedMs, answer, error: result?.error ?? null });
  }
}

/** What listens cannot break the call. */
function tell(
  { onSpan }: TransportOptions,
  spec: RequestSpec,
  sent: {
    readonly span: SpanStart;
    readonly startedAtMs: number;
    readonly startedMs: number;
    readonly answer: Response | undefined;
    readonly error: ClientError | null;
  },
): void {
  try {
    onSpan?.({
      name: spanName(spec),
      traceId: sent.span.traceId,
      spanId: sent.span.spanId,
      startedAtMs: sent.startedAtMs,
      durationMs: performance.now() - sent.startedMs,
      status: sent.answer?.status ?? 0,
      code: sent.error?.code ?? null,
      requestId: sent.answer?.headers.get("x-request-id") ?? null,
    });
  } catch {
    // its own affair
  }
}

async function read<T>(response: Response): Promise<Result<T>> {
  const raw = await response.text();
  const body = parseJson(raw);
  if (!response.ok) return failure(parseError(response.status, response.headers, body));
  if (response.status === 204) return success(undefined as T);
  return body === undefined ? failure(localError("unexpected_response", response.status)) : success(body as T);
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

function contentType(spec: RequestSpec): Readonly<Record<string, string>> {
  if (spec.form) return { "content-type": "application/x-www-form-urlencoded" };
  return spec.method === "GET" ? {} : { "content-type": "application/json" };
}

function encode(spec: RequestSpec): { body?: string } {
  if (spec.form) return { body: new URLSearchParams(spec.form).toString() };
  return spec.method === "GET" || (spec.method === "DELETE" && spec.body === undefined)
    ? {}
    : { body: JSON.stringify(spec.body ?? {}) };
}
