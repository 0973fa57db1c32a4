import { SegnoError } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, type Route, type RouteContext } from "../http/route.js";
import { userSchema } from "../users/index.js";
import { maxDeviceNameLength } from "./device-name.js";
import { presentSession } from "./present-session.js";
import { readCurrentSession } from "./read-current-session.js";
import { revokeSession, revokeSessionsOfUser } from "./revoke-session.js";
import { sessionView } from "./schemas.js";
import { listLiveSessions, renameDevice } from "./store.js";

const empty = v.strictObject({});
const noContent = { 204: { description: "Done." } } as const;

/** Sessions over HTTP. Whose sessions: always the caller's, never a body's. */
export function sessionRoutes(engine: Engine): Route[] {
  return [readCurrent(engine), signOut(engine), list(engine), rename(engine), revokeOne(engine), revokeMany(engine)];
}

function readCurrent(engine: Engine): Route {
  return defineRoute({
    method: "GET",
    path: "/v1/session",
    operationId: "getSession",
    summary: "The caller's session and user, or null for both.",
    tag: "sessions",
    access: "public",
    withAccount: true,
    answers: {
      200: {
        description: "Also for an anonymous caller.",
        schema: v.object({ session: v.nullable(sessionView), user: v.nullable(userSchema) }),
      },
    },
    handle: async ({ auth, cookies }) => {
      const current = await readCurrentSession(engine, auth, cookies.sessionToken());
      return { json: current ?? { session: null, user: null } };
    },
  });
}

function signOut(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/sign-out",
    operationId: "signOut",
    summary: "Ends the caller's session and clears its cookie. Answers the same when there is none.",
    tag: "sessions",
    access: "public",
    body: empty,
    answers: noContent,
    handle: async (context) => {
      const { auth, actor } = context;
      if (auth.status === "authenticated") {
        await engine.store.transaction((trx) =>
          revokeSession(engine, trx, { sessionId: auth.sessionId, userId: auth.subject, reason: "signed_out" }, actor),
        );
        engine.events.nudge();
      }
      context.cookies.clearSession();
      return { status: 204 };
    },
  });
}

function list(engine: Engine): Route {
  return defineRoute({
    method: "GET",
    path: "/v1/sessions",
    operationId: "listSessions",
    summary: "The caller's live sessions, the most recently used first.",
    tag: "sessions",
    access: "session",
    answers: { 200: { description: "The sessions.", schema: v.object({ sessions: v.array(sessionView) }) } },
    handle: async (context) => {
      const caller = context.caller();
      const rows = await listLiveSessions(engine.store.db, caller.subject, engine.clock.nowMs());
      return { json: { sessions: rows.map((row) => presentSession(row, caller.sessionId)) } };
    },
  });
}

function rename(engine: Engine): Route {
  return defineRoute({
    method: "PATCH",
    path: "/v1/sessions/{id}",
    operationId: "renameSession",
    summary: "Names the device of a session.",
    tag: "sessions",
    access: "session",
    body: v.strictObject({ deviceName: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(maxDeviceNameLength)) }),
    answers: { 200: { description: "The session.", schema: sessionView } },
    handle: async (context) => {
      const caller = context.caller();
      const row = await renameDevice(engine.store.db, {
        sessionId: idOf(context),
        userId: caller.subject,
        deviceName: context.body.deviceName,
        nowMs: engine.clock.nowMs(),
      });
      if (row === undefined) throw new SegnoError("not_found");
      return { json: presentSession(row, caller.sessionId) };
    },
  });
}

function revokeOne(engine: Engine): Route {
  return defineRoute({
    method: "DELETE",
    path: "/v1/sessions/{id}",
    operationId: "revokeSession",
    summary: "Ends one of the caller's sessions.",
    tag: "sessions",
    access: "session",
    fresh: true,
    answers: noContent,
    handle: async (context) => {
      const caller = context.caller();
      const sessionId = idOf(context);
      const revoked = await engine.store.transaction((trx) =>
        revokeSession(engine, trx, { sessionId, userId: caller.subject, reason: "revoked_by_user" }, context.actor),
      );
      if (!revoked) throw new SegnoError("not_found");
      engine.events.nudge();
      if (sessionId === caller.sessionId) context.cookies.clearSession();
      return { status: 204 };
    },
  });
}

function revokeMany(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/sessions/revoke",
    operationId: "revokeSessions",
    summary: "Ends all of the caller's sessions, or all but this one.",
    tag: "sessions",
    access: "session",
    fresh: true,
    body: v.strictObject({ which: v.picklist(["others", "all"]) }),
    answers: { 200: { description: "How many ended.", schema: v.object({ revoked: v.number() }) } },
    handle: async (context) => {
      const caller = context.caller();
      const keep = context.body.which === "others" ? { exceptSessionId: caller.sessionId } : {};
      const revoked = await engine.store.transaction((trx) =>
        revokeSessionsOfUser(
          engine,
          trx,
          { userId: caller.subject, reason: "revoked_by_user", ...keep },
          context.actor,
        ),
      );
      engine.events.nudge();
      if (context.body.which === "all") context.cookies.clearSession();
      return { json: { revoked } };
    },
  });
}

function idOf(context: RouteContext<unknown>): string {
  const { id } = context.params;
  if (id === undefined) throw new SegnoError("not_found");
  return id;
}
