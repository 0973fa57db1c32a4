import { SegnoError } from "@segno/core";
import * as v from "valibot";
import { demandRecent } from "../authenticators/index.js";
import type { Engine } from "../engine.js";
import { defineRoute, type Route } from "../http/route.js";
import { deleteUser } from "./delete-user.js";
import { displayNameSchema } from "./display-name.js";
import { presentUser } from "./present-user.js";
import { readUser } from "./read-user.js";
import { renameUser } from "./rename-user.js";
import { userSchema } from "./user-schema.js";

/** The caller's own account over HTTP. Whose: always the session's, never a body's (T-001). */
export function userRoutes(engine: Engine): Route[] {
  return [read(engine), change(engine), remove(engine)];
}

function read(engine: Engine): Route {
  return defineRoute({
    method: "GET",
    path: "/v1/user",
    operationId: "getUser",
    summary: "The caller.",
    tag: "users",
    access: "session",
    answers: { 200: { description: "The user.", schema: userSchema } },
    handle: async (context) => {
      const row = await readUser(engine, engine.store.db, context.caller().subject);
      if (row === undefined) throw new SegnoError("unauthenticated");
      return { json: await presentUser(engine, engine.store.db, row) };
    },
  });
}

function change(engine: Engine): Route {
  return defineRoute({
    method: "PATCH",
    path: "/v1/user",
    operationId: "updateUser",
    summary: "Changes what the caller is called.",
    tag: "users",
    access: "session",
    body: v.strictObject({ displayName: v.nullable(displayNameSchema) }),
    answers: { 200: { description: "The user.", schema: userSchema } },
    handle: async (context) => {
      const { displayName } = context.body;
      const row = await renameUser(engine, { userId: context.caller().subject, displayName }, context.actor);
      return { json: await presentUser(engine, engine.store.db, row) };
    },
  });
}

function remove(engine: Engine): Route {
  return defineRoute({
    method: "DELETE",
    path: "/v1/user",
    operationId: "deleteUser",
    summary: "Deletes the caller's account for ever. Needs recent authentication.",
    tag: "users",
    access: "session",
    fresh: true,
    body: v.strictObject({}),
    answers: { 204: { description: "Deleted." } },
    handle: async (context) => {
      const caller = context.caller();
      await demandRecent(engine, caller, context.actor);
      await deleteUser(engine, caller.subject, context.actor, "by_user");
      context.cookies.clearSession();
      return { status: 204 };
    },
  });
}
