import { type HeaderSource, SegnoError } from "@segno/core";
import { type AuditApi, createAuditApi } from "./audit/index.js";
import {
  createServiceAccount,
  type CreatedServiceAccount,
  listServiceAccounts,
  type NewServiceAccount,
  revokeServiceAccount,
  type ServiceAccount,
} from "./clients/index.js";
import { type Consent, grantConsent, listConsents, withdrawConsent } from "./consents/index.js";
import type { Running } from "./composition.js";
import type { Actor } from "./engine.js";
import { type FunnelQuery, type FunnelReport, readFunnel } from "./funnel/index.js";
import { createEventApi, type EventApi } from "./events/index.js";
import { cookieNames, readCookie, readHeader } from "./http/index.js";
import { type Finding, type HuntQuery, hunts, huntStored } from "./hunts/index.js";
import { createKeyApi, type KeyApi } from "./keys/index.js";
import { type FoundRequest, findRequests, reportSlos, type SloReport } from "./observability/index.js";
import { readMetrics, type ServiceMetrics } from "./service-metrics/index.js";
import { listLiveSessions, presentSession, type SessionView } from "./sessions/index.js";
import { type CurrentSession, readCurrentSession } from "./sessions/read-current-session.js";
import { toSegnoError } from "./storage/index.js";
import { type RevocationTarget, revokeTokens, type RevokedTokens } from "./tokens/index.js";
import { deleteUser, presentUser, readUser, resumeUser, suspendUser, type User } from "./users/index.js";

/** The verbs an application calls in process. They act as the application: whether the caller may is its decision. */
export interface SegnoApi {
  /** Who sent these headers, by session cookie or access token; `null` for nobody. Reads the store. */
  getSession(input: { readonly headers: HeaderSource }): Promise<CurrentSession | null>;
  /** The account, or `null` when there is none or it was deleted. */
  getUser(userId: string): Promise<User | null>;
  /** Live sessions, the most recently used first. */
  listSessions(userId: string): Promise<readonly SessionView[]>;
  /** @returns false when there was no such live session */
  revokeSession(sessionId: string): Promise<boolean>;
  /**
   * Takes tokens back by session, user, refresh family or client: refused at once here and by introspection, within 5
   * seconds on other nodes and by verifiers that read the status lists. Nobody is kept from signing in again.
   * @throws SegnoError `invalid_input` unless exactly one target is named
   */
  revokeTokens(target: RevocationTarget): Promise<RevokedTokens>;
  /** Ends every session and refuses sign-in until `resumeUser`. @throws SegnoError `not_found` */
  suspendUser(userId: string): Promise<void>;
  /** Lets a suspended account sign in again. @throws SegnoError `not_found` */
  resumeUser(userId: string): Promise<void>;
  /** Deletes the account with everything that signs it in. @throws SegnoError `not_found` */
  deleteUser(userId: string): Promise<void>;
  /**
   * Adoption, completion, time to success, abandonment, failure classes and latency of sign-ins, from the events that are
   * kept. Reads all of them since then: for reports, not for every page. @throws SegnoError `invalid_input`
   */
  funnel(query?: FunnelQuery): Promise<FunnelReport>;
  /**
   * Five figures with definition and source: latency of sign-in, issuing of tokens, what a vault backs, time to recover,
   * completeness of the audit log. `since` is RFC 3339, by default a day ago. Reads events and audit log whole.
   * @throws SegnoError `invalid_input`, `store_unavailable`
   */
  readMetrics(query?: { readonly since?: string }): Promise<ServiceMetrics>;
  /** Every configured purpose, and what the person said to it. */
  listConsents(userId: string): Promise<readonly Consent[]>;
  /** Writes down that the person agreed, as the application saw. @throws SegnoError `not_found`, `conflict` for another version */
  grantConsent(userId: string, consent: { readonly purpose: string; readonly version: number }): Promise<void>;
  /** Takes a consent back. @returns false when there was none */
  withdrawConsent(userId: string, purpose: string): Promise<boolean>;
  /**
   * Makes a confidential client with listed scopes and an end, a day from now by default. The answer holds its secret,
   * this once. @throws SegnoError `invalid_input`, `invalid_scope`, `invalid_target`
   */
  createServiceAccount(input: NewServiceAccount): Promise<CreatedServiceAccount>;
  /** Service accounts that are good, and those that ended in the last 30 days, the newest first. */
  listServiceAccounts(): Promise<readonly ServiceAccount[]>;
  /** Refuses the account and its tokens from now on. @returns false when there was no such account that was good */
  revokeServiceAccount(clientId: string): Promise<boolean>;
  /**
   * The requests of a support code, with the events of the sign-in they were part of: mostly one. A request that wrote no event
   * is not found here; its span and its log line carry the code. @throws SegnoError `invalid_input`
   */
  findBySupportCode(code: string): Promise<readonly FoundRequest[]>;
  /**
   * Looks through the events that are kept for what attacks leave behind: twelve saved hunts, each with its runbook. Empty: nothing
   * was found. @throws SegnoError `invalid_input`
   */
  hunt(query?: HuntQuery): Promise<readonly Finding[]>;
  /** The hunts there are. */
  listHunts(): Promise<readonly HuntDescription[]>;
  /** Where the service level objectives stand: what was good, what is left of the error budgets, which alerts fire. */
  readSlos(): Promise<SloReport>;
  /** The keys: their status, and what an operator does with them. */
  readonly keys: KeyApi;
  /** The audit log: how it is, what it says, and what proves it. */
  readonly audit: AuditApi;
  /** The events that are kept, who receives them, and how to send them again. */
  readonly events: EventApi;
}

/** One saved hunt. */
export interface HuntDescription {
  readonly name: string;
  /** What it looks for. */
  readonly summary: string;
  /** What to do about a finding: a page of docs/runbooks. */
  readonly runbook: string;
}

/**
 * What a driver throws reaches nobody as it is: a caller in process gets a code, as one over HTTP does. A programmer's
 * mistake stays a TypeError.
 */
function withCodes<Verbs extends object>(verbs: Verbs): Verbs {
  const named = Object.entries(verbs as Readonly<Record<string, unknown>>).map(([name, verb]) => {
    if (typeof verb !== "function") return [name, withCodes(Object(verb) as object)] as const;
    const call = async (...input: unknown[]): Promise<unknown> => {
      try {
        return await (Reflect.apply(verb, verbs, input) as Promise<unknown>);
      } catch (error) {
        throw error instanceof TypeError ? error : toSegnoError(error);
      }
    };
    return [name, call] as const;
  });
  return Object.fromEntries(named) as Verbs;
}

export function createApi(run: () => Promise<Running>): SegnoApi {
  return withCodes(verbsOf(run));
}

function verbsOf(run: () => Promise<Running>): SegnoApi {
  const actorOf = ({ engine }: Running): Actor => ({ requestId: engine.newId(), kind: "operator" });
  const keys = createKeyApi(run);
  const audit = createAuditApi(run);
  return {
    async getSession({ headers }) {
      const { engine, authenticate } = await run();
      const auth = await authenticate({ headers, fresh: true, withAccount: true });
      const token = readCookie(readHeader(headers, "cookie"), cookieNames(engine.config.isSecure).session);
      return (await readCurrentSession(engine, auth, typeof token === "string" ? token : undefined)) ?? null;
    },
    async createServiceAccount(input) {
      const running = await run();
      return await createServiceAccount(running.engine, input, actorOf(running));
    },
    async listServiceAccounts() {
      return await listServiceAccounts((await run()).engine);
    },
    async revokeServiceAccount(clientId) {
      const running = await run();
      return await revokeServiceAccount(running.engine, clientId, actorOf(running));
    },
    async funnel(query) {
      return await readFunnel((await run()).engine, query);
    },
    async listConsents(userId) {
      const { engine } = await run();
      return await listConsents(engine, engine.store.db, userId);
    },
    async grantConsent(userId, { purpose, version }) {
      const running = await run();
      const { engine } = running;
      if ((await readUser(engine, engine.store.db, userId)) === undefined) throw new SegnoError("not_found");
      await grantConsent(engine, { userId, purpose, version }, actorOf(running));
    },
    async withdrawConsent(userId, purpose) {
      const running = await run();
      return await withdrawConsent(running.engine, { userId, purpose }, actorOf(running));
    },
    async hunt(query) {
      return await huntStored((await run()).engine, query);
    },
    async listHunts() {
      return hunts.map(({ name, summary, runbook }) => ({ name, summary, runbook }));
    },
    async readSlos() {
      const { engine } = await run();
      return await reportSlos(engine, engine.config.slos);
    },
    async readMetrics(query) {
      return await readMetrics(
        (await run()).engine,
        { keys: () => keys.status(), completeness: audit.completeness },
        query,
      );
    },
    async getUser(userId) {
      const { engine } = await run();
      const user = await readUser(engine, engine.store.db, userId);
      return user === undefined ? null : await presentUser(engine, engine.store.db, user);
    },
    async listSessions(userId) {
      const { engine } = await run();
      const rows = await listLiveSessions(engine.store.db, userId, engine.clock.nowMs());
      return rows.map((row) => presentSession(row, undefined));
    },
    async revokeSession(sessionId) {
      const running = await run();
      return (await revokeTokens(running.engine, { sessionId }, actorOf(running))).sessions === 1;
    },
    async revokeTokens(target) {
      const running = await run();
      return await revokeTokens(running.engine, target, actorOf(running));
    },
    async suspendUser(userId) {
      const running = await run();
      await suspendUser(running.engine, userId, actorOf(running));
    },
    async resumeUser(userId) {
      const running = await run();
      await resumeUser(running.engine, userId, actorOf(running));
    },
    async deleteUser(userId) {
      const running = await run();
      await deleteUser(running.engine, userId, actorOf(running));
    },
    async findBySupportCode(code) {
      return await findRequests((await run()).engine, code);
    },
    keys,
    audit,
    events: createEventApi(run),
  };
}
