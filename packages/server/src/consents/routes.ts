import { SegnoError } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, type Route } from "../http/route.js";
import { grantConsent } from "./grant-consent.js";
import { listConsents } from "./list-consents.js";
import { withdrawConsent } from "./withdraw-consent.js";

const consentsSchema = v.object({
  consents: v.array(
    v.object({
      purpose: v.string(),
      version: v.number(),
      isGranted: v.boolean(),
      grantedVersion: v.nullable(v.number()),
      grantedAt: v.nullable(v.string()),
      withdrawnAt: v.nullable(v.string()),
      scopes: v.array(v.string()),
    }),
  ),
});
const answers = { 200: { description: "Every purpose, and what the caller said to it.", schema: consentsSchema } };
const tag = "consents";

/** Consents over HTTP: always the caller's own. None where no purpose is configured. */
export function consentRoutes(engine: Engine): Route[] {
  if (engine.config.consents.size === 0) return [];
  return [list(engine), grant(engine), withdraw(engine)];
}

function list(engine: Engine): Route {
  return defineRoute({
    method: "GET",
    path: "/v1/consents",
    operationId: "listConsents",
    summary: "What the caller may agree to, and what they said.",
    tag,
    access: "session",
    answers,
    handle: async (context) => ({
      json: { consents: await listConsents(engine, engine.store.db, context.caller().subject) },
    }),
  });
}

function grant(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/consents",
    operationId: "grantConsent",
    summary: "Agrees to the version of a purpose that was shown.",
    tag,
    access: "session",
    fresh: true,
    body: v.strictObject({ purpose: v.pipe(v.string(), v.maxLength(40)), version: v.pipe(v.number(), v.integer()) }),
    answers,
    handle: async (context) => {
      const userId = context.caller().subject;
      await grantConsent(engine, { userId, ...context.body }, context.actor);
      return { json: { consents: await listConsents(engine, engine.store.db, userId) } };
    },
  });
}

function withdraw(engine: Engine): Route {
  return defineRoute({
    method: "DELETE",
    path: "/v1/consents/{id}",
    operationId: "withdrawConsent",
    summary: "Takes the consent to a purpose back.",
    tag,
    access: "session",
    fresh: true,
    answers: { 204: { description: "Taken back, also when there was none." } },
    handle: async (context) => {
      const purpose = context.params["id"] ?? "";
      if (!engine.config.consents.has(purpose)) throw new SegnoError("not_found");
      await withdrawConsent(engine, { userId: context.caller().subject, purpose }, context.actor);
      return { status: 204 };
    },
  });
}
