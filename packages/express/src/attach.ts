import type { IncomingMessage, ServerResponse } from "node:http";
import { type AuthState, type Peer, SegnoError, type SegnoEngine, systemClock } from "@segno/core";
import { socketCertificate } from "./client-certificate.js";
import type { NodeMiddleware, NodeRequest } from "./node-types.js";
import { markPrivate } from "./refuse.js";

interface Attached {
  readonly segno: SegnoEngine | undefined;
  readonly origin: string;
  readonly res: ServerResponse;
  state: AuthState | undefined;
  failure: unknown;
  /** Looks again now, where there is no engine to ask. */
  renew: (() => Promise<AuthState>) | undefined;
}

/**
 * T-016: kept under a symbol that only this module holds and that `segnoMiddleware` always writes first: nothing set on
 * `req` or `res.locals` is believed. (A WeakMap costs a microsecond more per request.)
 */
const slot: unique symbol = Symbol("segno");
type Slotted = IncomingMessage & { [slot]?: Attached };

const anonymous: AuthState = Object.freeze({ status: "anonymous" });

/**
 * Looks once at who is asking, for `getAuth` and `requireAuth` below it. A request with neither a cookie nor an
 * `Authorization` header costs no look-up, nor does one to the engine's own routes. When the store cannot be asked the request goes on, and whoever
 * reads the state gets the error: public pages outlive an outage.
 *
 * @example
 * app.use(segnoMiddleware(segno));
 */
export function segnoMiddleware(segno: SegnoEngine): NodeMiddleware {
  const origin = originOf(segno);
  const own = `${segno.basePath}/`;
  return (req, res, next) => {
    const entry: Attached = { segno, origin, res, state: undefined, failure: undefined, renew: undefined };
    (req as Slotted)[slot] = entry;
    const { cookie, authorization } = req.headers;
    if ((cookie === undefined && authorization === undefined) || req.originalUrl?.startsWith(own) === true) {
      entry.state = anonymous;
      return next();
    }
    settle(req, entry, false, next);
  };
}

/**
 * Who is asking. Bad credentials are a state (`invalid`), not an exception. Reading it marks the response
 * `Cache-Control: no-store`, because it now depends on a credential.
 *
 * Not checked: scope, assurance and age. `requireAuth` does that.
 * @throws TypeError when neither `segnoMiddleware` nor `requireAccessToken` ran before
 * @throws SegnoError `store_unavailable` when the engine could not look
 *
 * @example
 * app.get("/", (req, res) => {
 *   const auth = getAuth(req);
 *   res.send(auth.status === "authenticated" ? `Hello ${auth.subject}` : "Hello");
 * });
 */
export function getAuth(req: IncomingMessage): AuthState {
  const { res, state, failure } = entryOf(req);
  markPrivate(res);
  if (state === undefined) throw SegnoError.from(failure);
  return state;
}

/**
 * Asks the store, or the issuer, again, then calls back; the new state is what `getAuth` tells from now on.
 * @throws TypeError when there is nobody to ask: a condition that cannot be looked at is not met
 */
export function refreshAuth(req: NodeRequest, done: () => void): void {
  const entry = entryOf(req);
  const { renew } = entry;
  if (entry.segno === undefined) {
    if (renew === undefined) throw new TypeError("fresh needs the introspection option of requireAccessToken.");
    const keep = (state: AuthState | undefined, failure?: unknown): void => {
      entry.state = state;
      entry.failure = failure;
      done();
    };
    renew().then(keep, (failure: unknown) => keep(undefined, failure));
    return;
  }
  settle(req, entry, true, done);
}

/** Puts down a state that another check of this package has established. */
export function attachState(
  req: IncomingMessage,
  res: ServerResponse,
  state: AuthState,
  renew: (() => Promise<AuthState>) | undefined,
): void {
  (req as Slotted)[slot] = { segno: undefined, origin: "", res, state, failure: undefined, renew };
}

/** The engine's time, in seconds since the epoch. */
export function nowSecondsOf(req: IncomingMessage): number {
  return ((req as Slotted)[slot]?.segno?.clock ?? systemClock).nowMs() / 1000;
}

/** T-033: from the configuration, never from the Host header. */
export function originOf(segno: SegnoEngine): string {
  return new URL(segno.origin ?? segno.issuer).origin;
}

/** The socket's end. Forwarded headers are for the engine to judge (T-030). */
export function peerOf(req: IncomingMessage): Peer {
  const remoteAddress = req.socket.remoteAddress;
  const certificate = socketCertificate(req);
  if (certificate === undefined) return remoteAddress === undefined ? {} : { remoteAddress };
  return { certificate, ...(remoteAddress === undefined ? {} : { remoteAddress }) };
}

function entryOf(req: IncomingMessage): Attached {
  const entry = (req as Slotted)[slot];
  if (entry === undefined)
    throw new TypeError("Segno is not attached: app.use(segnoMiddleware(segno)) must come first.");
  return entry;
}

/** Hot path: plain Node headers go to the engine, and an answer that is there at once costs no promise. */
function settle(req: NodeRequest, entry: Attached, fresh: boolean, done: () => void): void {
  const keep = (state: AuthState | undefined, failure?: unknown): void => {
    entry.state = state;
    entry.failure = failure;
    done();
  };
  let state: AuthState | Promise<AuthState>;
  try {
    state =
      entry.segno === undefined
        ? anonymous
        : entry.segno.authenticate({
            headers: req.headers,
            method: req.method ?? "GET",
            url: entry.origin + (req.originalUrl ?? req.url ?? "/"),
            peer: peerOf(req),
            fresh,
          });
  } catch (failure) {
    return keep(undefined, failure);
  }
  if (state instanceof Promise) state.then(keep, (failure: unknown) => keep(undefined, failure));
  else keep(state);
}
