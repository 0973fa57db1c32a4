import {
  type AuthenticateInput,
  type Authentication,
  type AuthState,
  type Clock,
  type Peer,
  type PlainResponse,
  type NoteAttributes,
  personal,
  SegnoError,
  type SignInMethod,
} from "@segno/core";
import type { ResolvedConfig } from "../config.js";
import type { Actor, Logger, ObservedRequest, Observer, RandomSource, RateLimiter, RequestFacts } from "../engine.js";
import { toSegnoError } from "../storage/index.js";
import { type ClientIp, createClientIpResolver } from "./client-ip.js";
import type { CertificateResolver } from "./client-certificate.js";
import { cookieNames, createRouteCookies } from "./cookies.js";
import { corsHeaders, preflightHeaders } from "./cors.js";
import { errorParts } from "./error-response.js";
import type { Incoming, IncomingWithBody } from "./incoming.js";
import { checkOrigin } from "./origin.js";
import { pathOf } from "./path.js";
import { rateRuleOf } from "./rate-rules.js";
import { problemFields, readBody } from "./read-body.js";
import { createAnswer, toResponse } from "./respond.js";
import type { Reply, Route, RouteContext } from "./route.js";
import { createRouter, type RouteMatch } from "./router.js";
import { supportCode } from "./support-code.js";
import { parseTraceparent } from "./traceparent.js";

export interface HandlerParts {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly newId: () => string;
  readonly log: Logger;
  readonly limiter: RateLimiter;
  readonly observer: Observer;
  /** What to tell when an operation has ended, for those that somebody counts. */
  readonly ending?: (operation: string) => ((durationMs: number, error?: SegnoError) => void) | undefined;
  readonly routes: readonly Route[];
  readonly authenticate: (
    input: AuthenticateInput & { readonly withAccount?: boolean },
  ) => AuthState | Promise<AuthState>;
  readonly certificateOf: CertificateResolver;
  /** What events say of where a request that may change something comes from. */
  /** Tells that a step of a ceremony was refused, unless its verb did. */
  readonly tellRefused: (run: RefusedCeremony, error: unknown) => Promise<void>;
  readonly factsOf: (request: Incoming, cookies: RouteContext["cookies"], clientIp: string) => RequestFacts;
}
/** A ceremony that was refused, for its event. */
export interface RefusedCeremony {
  readonly method: SignInMethod;
  readonly actor: Actor;
}
export type Handler = (request: Request, peer?: Peer) => Promise<Response>;
/** The way of a request without web objects. A `Request` may go it too. */
export type Exchange = (request: IncomingWithBody, peer?: Peer) => Promise<PlainResponse>;

const maxQueryLength = 4_096;
const inboundRequestId = /^[A-Za-z0-9._-]{8,64}$/;

/** An exchange for hosts that speak web standards. */
export function createHandler(exchange: Exchange): Handler {
  return async (request, peer) => toResponse(await exchange(request, peer));
}

/** The whole way of a request: route, limits, origin, caller, body, verb, answer. It never rejects. */
export function createExchange(parts: HandlerParts): Exchange {
  const { config } = parts;
  const router = createRouter(parts.routes, (route) => locationsOf(route, config));
  const operations = new Map(parts.routes.map((route) => [route, `http.${route.operationId}`]));
  const resolveClient = createClientIpResolver(config.clientIp);
  const warnOnce = addressWarning(parts);
  const exchange: ExchangeParts = {
    ...parts,
    names: cookieNames(config.isSecure),
    allowedOrigins: [config.origin, ...config.trustedOrigins],
  };
  return async (request, peer) => {
    if (peer?.remoteAddress === undefined) warnOnce();
    const client = resolveClient(request.headers, peer);
    const requestId = requestIdOf(request, client, parts.newId);
    const path = pathOf(request.url);
    const match = router.find(request.method, path);
    if (request.method === "OPTIONS") return answerPreflight(match, request, { requestId, config, clock: parts.clock });
    const ending = match.kind === "found" ? parts.ending?.(`http.${match.route.operationId}`) : undefined;
    const run = (note?: NoteAttributes) =>
      timed(ending, () => answer(exchange, { request, peer, path, requestId, client, match, note }));
    if (!parts.observer.isOn || match.kind !== "found") return (await run()).response;
    const { watch } = parts.observer;
    if (watch !== undefined) {
      const watched = watch(operations.get(match.route) ?? "http.other");
      const answered = await run(watched.note);
      watched.end(answered.error);
      return answered.response;
    }
    return await observed(parts.observer, observedRequest(exchange, { request, client, requestId }, match.route), run);
  };
}

/** A path below the base path; documents about the issuer also at its root (RFC 8414 section 3). */
function locationsOf(route: Route, config: ResolvedConfig): readonly string[] {
  const below = `${config.basePath}${route.path}`;
  if (!route.path.startsWith("/.well-known/")) return [below];
  const issuerPath = new URL(config.issuer).pathname.replace(/\/+$/, "");
  return [...new Set([below, `${issuerPath}${route.path}`, `${route.path}${issuerPath}`])];
}

/** An id from outside is believed only where a listed proxy sent it. */
function requestIdOf(request: IncomingWithBody, client: ClientIp, newId: () => string): string {
  const given = client.isFromTrustedProxy ? request.headers.get("x-request-id") : null;
  return given !== null && inboundRequestId.test(given) ? given : newId();
}

interface ExchangeParts extends HandlerParts {
  readonly names: ReturnType<typeof cookieNames>;
  readonly allowedOrigins: readonly string[];
}
interface Arrival {
  readonly request: IncomingWithBody;
  readonly peer: Peer | undefined;
  readonly path: string;
  readonly requestId: string;
  readonly client: ClientIp;
  readonly match: RouteMatch;
  /** Where somebody looks on. */
  readonly note: NoteAttributes | undefined;
}
interface Answer {
  readonly response: PlainResponse;
  readonly error?: SegnoError;
}

async function answer(parts: ExchangeParts, arrival: Arrival): Promise<Answer> {
  const { request, match, requestId } = arrival;
  const route = match.kind === "found" ? match.route : undefined;
  const shared = corsHeaders(route, request.headers.get("origin"), parts.config);
  const at = { requestId, shared, isHead: request.method === "HEAD" };
  const { cookies, setCookies, newHandle } = createRouteCookies(request.headers, parts);
  try {
    if (match.kind === "none") throw new SegnoError("not_found");
    if (match.kind === "other_method") {
      shared.allow = match.allow.join(", ");
      throw new SegnoError("method_not_allowed");
    }
    const context = await contextOf(parts, arrival, { route: match.route, params: match.params, cookies });
    const reply = await match.route.handle(context);
    Object.assign(shared, newHandle());
    return { response: createAnswer(reply, { ...at, nowMs: parts.clock.nowMs(), setCookies: setCookies() }) };
  } catch (caught) {
    const error = toSegnoError(caught);
    const code = supportCode(requestId, parts.clock.nowMs());
    arrival.note?.({ "segno.support.code": code });
    logFailure(parts, error, { requestId, supportCode: code, operation: route?.operationId });
    if (route?.ceremony !== undefined && request.method === route.method) {
      const who = { requestId, kind: "user" } as const;
      const actor = { ...who, ...parts.factsOf(request, cookies, arrival.client.bucket), ...personOf(parts, arrival) };
      await parts
        .tellRefused({ method: route.ceremony, actor }, caught)
        .catch(() => parts.log.warn("A refused sign-in could not be told."));
    }
    const told = { requestId, supportCode: code, fields: problemFields(error) };
    const failure = errorParts(error, route?.errors ?? "problem", told);
    const reply: Reply = { status: failure.status, text: failure.body, headers: failure.headers };
    // a failed request signs nobody in: only what it takes away goes out
    const removed = setCookies().filter((cookie) => cookie.includes("; Max-Age=0;"));
    return { error, response: createAnswer(reply, { ...at, nowMs: parts.clock.nowMs(), setCookies: removed }) };
  }
}

interface Target {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly cookies: RouteContext["cookies"];
}

/** Every check a request passes before its verb runs, cheapest and broadest first. */
async function contextOf(parts: ExchangeParts, arrival: Arrival, target: Target): Promise<RouteContext<unknown>> {
  const { request, client, requestId } = arrival;
  const { route } = target;
  const rule = rateRuleOf(route);
  if (rule !== undefined) await parts.limiter.take(rule, client.bucket);
  const isUnsafe = route.method !== "GET";
  if (isUnsafe && route.crossSite !== true) checkOrigin(request.headers, parts.allowedOrigins);
  const query = readQuery(request.url);
  const auth = await authenticate(parts, arrival, route);
  arrival.note?.(decisionOf(auth));
  if (route.access === "session") requireSession(auth);
  const body = isUnsafe ? await readBody(request, route) : undefined;
  const caller = callerOf(auth);
  return {
    request,
    requestId,
    body,
    params: target.params,
    query,
    clientIp: client.bucket,
    auth,
    caller: () => requireSession(auth),
    actor: {
      ...actorOf(requestId, caller),
      ...(isUnsafe ? parts.factsOf(request, target.cookies, client.bucket) : {}),
      ...personOf(parts, arrival),
    },
    certificate: () => parts.certificateOf(request.headers, arrival.peer),
    cookies: target.cookies,
  };
}

function authenticate(parts: ExchangeParts, arrival: Arrival, route: Route): AuthState | Promise<AuthState> {
  const { request, peer, path } = arrival;
  // OAuth endpoints take their credential from the body or as client authentication, never from a browser's cookie
  if (route.crossSite === true && route.access === "public") return { status: "anonymous" };
  const input = { headers: request.headers, method: request.method, url: `${parts.config.origin}${path}` };
  return parts.authenticate({
    ...input,
    ...(peer === undefined ? {} : { peer }),
    ...(route.fresh === true ? { fresh: true } : {}),
    ...(route.withAccount === true ? { withAccount: true } : {}),
  });
}

/** Who may ask, as one fact; of a refused credential also why. */
function decisionOf(auth: AuthState): Readonly<Record<string, string>> {
  if (auth.status === "invalid") return { "segno.auth": auth.status, "segno.auth.reason": auth.reason };
  return { "segno.auth": auth.status };
}

function requireSession(auth: AuthState): Authentication {
  if (auth.status === "authenticated") return auth;
  if (auth.status === "invalid") throw new SegnoError(auth.reason);
  // no route of the engine is for services: all of them act on the caller's own account
  if (auth.status === "service") throw new SegnoError("forbidden");
  throw new SegnoError(auth.status === "anonymous" ? "unauthenticated" : "insufficient_user_authentication");
}

function callerOf(auth: AuthState): Authentication | undefined {
  if (auth.status === "authenticated") return auth;
  return auth.status === "step_up_required" ? auth.authentication : undefined;
}

function actorOf(requestId: string, caller: Authentication | undefined): Actor {
  const who = { requestId, kind: "user" } as const;
  if (caller === undefined) return who;
  return { ...who, subject: caller.subject, sessionId: caller.sessionId, clientId: caller.clientId };
}

const maxUserAgentLength = 256;

/** Nobody learns it where there is no audit log to seal it. */
function personOf({ config }: ExchangeParts, { request, client }: Arrival): Pick<Actor, "personal"> {
  if (config.audit === undefined) return {};
  const userAgent = request.headers.get("user-agent")?.slice(0, maxUserAgentLength);
  return { personal: personal({ clientIp: client.bucket, ...(userAgent === undefined ? {} : { userAgent }) }) };
}

/** One value a name: with two, two readers would take different ones. */
function readQuery(url: string): URLSearchParams {
  const start = url.indexOf("?");
  if (start < 0) return new URLSearchParams();
  const text = url.slice(start + 1).split("#", 1)[0] ?? "";
  if (text.length > maxQueryLength) throw new SegnoError("invalid_input", "The query is too long.");
  const query = new URLSearchParams(text);
  const names = [...query.keys()];
  if (new Set(names).size < names.length) throw new SegnoError("invalid_input", "A query parameter is given twice.");
  return query;
}

function answerPreflight(
  match: RouteMatch,
  request: IncomingWithBody,
  context: { readonly requestId: string; readonly config: ResolvedConfig; readonly clock: Clock },
): PlainResponse {
  const { requestId, config } = context;
  const at = { requestId, nowMs: context.clock.nowMs(), setCookies: [], isHead: false };
  const routes = match.kind === "other_method" ? match.routes : [];
  const shared = preflightHeaders(routes, request, config);
  if (shared !== undefined) return createAnswer({ status: 204 }, { ...at, shared });
  const error = new SegnoError(match.kind === "none" ? "not_found" : "method_not_allowed");
  const failure = errorParts(error, "problem", { requestId, supportCode: supportCode(requestId, at.nowMs) });
  const allow: Record<string, string> = match.kind === "other_method" ? { allow: match.allow.join(", ") } : {};
  const reply: Reply = { status: failure.status, text: failure.body, headers: { ...failure.headers, ...allow } };
  return createAnswer(reply, { ...at, shared: {} });
}

/** Only faults of ours are worth a line. Outside development the cause's text stays out: it may quote a row. */
function logFailure(
  parts: ExchangeParts,
  error: SegnoError,
  at: { requestId: string; supportCode: string; operation: string | undefined },
): void {
  if (error.info.status < 500) return;
  const { cause } = error;
  const fields = {
    ...at,
    code: error.code,
    error: error.message,
    cause: cause instanceof Error ? cause.name : undefined,
  };
  if (parts.config.production || !(cause instanceof Error)) parts.log.error("request failed", fields);
  else parts.log.error("request failed", { ...fields, stack: cause.stack });
}

/** Limits per address need one: a host that hands none over puts everybody into one bucket, which is worth a line. */
function addressWarning({ config, log }: HandlerParts): () => void {
  const source = config.clientIp?.source;
  let isSilent = !config.rateLimit || source === undefined || source === "header";
  return () => {
    if (isSilent) return;
    isSilent = true;
    log.warn(
      "The host server tells no socket address, so limits per address count everybody together. " +
        'Set clientIp to { source: "header", header } with a header that your platform sets and strips from outside.',
      { clientIp: source },
    );
  };
}

/** A trace from outside is joined where the request comes through a listed proxy or from a page of a known origin. */
function observedRequest(
  { allowedOrigins }: ExchangeParts,
  { request, client, requestId }: Pick<Arrival, "request" | "client" | "requestId">,
  route: Route,
): ObservedRequest {
  const { headers } = request;
  const given = headers.get("traceparent");
  const isBelieved =
    given !== null &&
    (client.isFromTrustedProxy ||
      headers.get("sec-fetch-site") === "same-origin" ||
      allowedOrigins.includes(headers.get("origin") ?? ""));
  return {
    operation: `http.${route.operationId}`,
    requestId,
    traceparent: isBelieved && parseTraceparent(given) !== undefined ? given : undefined,
    attributes: { "http.request.method": route.method, "http.route": route.path },
  };
}

/** Lets telemetry hooks see the failure that the answer hides. */
async function observed(
  observer: Observer,
  scope: ObservedRequest,
  run: (note: NoteAttributes) => Promise<Answer>,
): Promise<PlainResponse> {
  let answered: Answer | undefined;
  try {
    await observer.request(scope, async (note) => {
      answered = await run(note);
      note({ "http.response.status_code": answered.response.status });
      if (answered.error !== undefined) throw answered.error;
    });
  } catch (error) {
    if (answered === undefined) throw error;
  }
  if (answered === undefined) throw new TypeError("The request was not answered.");
  return answered.response;
}

async function timed(
  ending: ((durationMs: number, error?: SegnoError) => void) | undefined,
  run: () => Promise<Answer>,
): Promise<Answer> {
  if (ending === undefined) return run();
  const startedMs = performance.now();
  const answered = await run();
  ending(performance.now() - startedMs, answered.error);
  return answered;
}
