import * as v from "valibot";
import { stepUpMode } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import { defineRoute, type Route } from "../../http/route.js";
import { displayNameSchema } from "../../users/index.js";
import { attemptIdSchema, emailSchema, modeSchema, signedInSchema } from "../schemas.js";
import { finishAdd, startAdd } from "./add.js";
import { assertionSchema, registrationSchema } from "./ceremony.js";
import { listPasskeys, removePasskey, renamePasskey } from "./manage.js";
import { finishSignIn, startSignIn } from "./sign-in.js";
import { finishSignUp, startSignUp } from "./sign-up.js";
import { finishStepUp, startStepUp } from "./step-up.js";

const empty = v.strictObject({});
const maxBodyBytes = 65_536;
const optionsSchema = v.object({ attemptId: v.string(), publicKey: v.looseObject({ challenge: v.string() }) });
const optionsAnswer = { 200: { description: "Options for `navigator.credentials`, as JSON.", schema: optionsSchema } };
const signedInAnswer = { 200: { description: "Signed in.", schema: signedInSchema } };
const passkeySchema = v.object({
  id: v.string(),
  credentialId: v.string(),
  name: v.string(),
  createdAt: v.string(),
  lastUsedAt: v.nullable(v.string()),
  backedUp: v.boolean(),
  transports: v.array(v.string()),
});
const passkeyAnswer = { 200: { description: "The passkey.", schema: passkeySchema } };
const assertionBody = v.strictObject({
  attemptId: attemptIdSchema,
  response: assertionSchema,
  mode: v.optional(modeSchema),
});
const tag = "passkeys";

/** Passkeys over HTTP. None when they are switched off. */
export function passkeyRoutes(engine: Engine): Route[] {
  if (engine.config.signIn.passkey === undefined) return [];
  return [...signUp(engine), ...signIn(engine), ...stepUp(engine), ...add(engine), ...manage(engine)];
}

function signUp(engine: Engine): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/sign-up/options",
      operationId: "startPasskeySignUp",
      ceremony: "passkey",
      summary: "Options for the first passkey of a new account.",
      tag,
      access: "public",
      body: v.strictObject({ displayName: v.optional(displayNameSchema), email: v.optional(emailSchema) }),
      answers: optionsAnswer,
      handle: async (context) => ({ json: await startSignUp(engine, context, context.body) }),
    }),
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/sign-up/verify",
      operationId: "finishPasskeySignUp",
      ceremony: "passkey",
      summary: "Creates the account and signs in.",
      tag,
      access: "public",
      maxBodyBytes,
      body: v.strictObject({ attemptId: attemptIdSchema, response: registrationSchema, mode: v.optional(modeSchema) }),
      answers: signedInAnswer,
      handle: async (context) => {
        const { attemptId, response, mode = "cookie" } = context.body;
        return { json: await finishSignUp(engine, context, { attemptId, response, mode }) };
      },
    }),
  ];
}

function signIn(engine: Engine): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/sign-in/options",
      operationId: "startPasskeySignIn",
      ceremony: "passkey",
      summary: "Options for signing in with any passkey, by button or autofill.",
      tag,
      access: "public",
      body: v.strictObject({ autofill: v.optional(v.boolean()) }),
      answers: optionsAnswer,
      handle: async (context) => ({
        json: await startSignIn(engine, context, { isAutofill: context.body.autofill }),
      }),
    }),
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/sign-in/verify",
      operationId: "finishPasskeySignIn",
      ceremony: "passkey",
      summary: "Signs in with a passkey.",
      tag,
      access: "public",
      maxBodyBytes,
      body: assertionBody,
      answers: signedInAnswer,
      handle: async (context) => {
        const { attemptId, response, mode = "cookie" } = context.body;
        return { json: await finishSignIn(engine, context, { attemptId, response, mode }) };
      },
    }),
  ];
}

function stepUp(engine: Engine): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/step-up/options",
      operationId: "startPasskeyStepUp",
      ceremony: "passkey",
      summary: "Options for proving again who the caller is.",
      tag,
      access: "session",
      fresh: true,
      body: empty,
      answers: optionsAnswer,
      handle: async (context) => ({ json: await startStepUp(engine, context) }),
    }),
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/step-up/verify",
      operationId: "finishPasskeyStepUp",
      ceremony: "passkey",
      summary: "Raises the caller's session.",
      tag,
      access: "session",
      fresh: true,
      maxBodyBytes,
      body: assertionBody,
      answers: signedInAnswer,
      handle: async (context) => {
        const { attemptId, response, mode } = context.body;
        return {
          json: await finishStepUp(engine, context, { attemptId, response, mode: stepUpMode(context, mode) }),
        };
      },
    }),
  ];
}

function add(engine: Engine): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/add/options",
      operationId: "startPasskeyAdd",
      summary: "Options for a further passkey. Needs recent authentication.",
      tag,
      access: "session",
      fresh: true,
      body: empty,
      answers: optionsAnswer,
      handle: async (context) => ({ json: await startAdd(engine, context) }),
    }),
    defineRoute({
      method: "POST",
      path: "/v1/passkeys/add/verify",
      operationId: "finishPasskeyAdd",
      summary: "Adds the passkey to the caller's account.",
      tag,
      access: "session",
      fresh: true,
      maxBodyBytes,
      body: v.strictObject({
        attemptId: attemptIdSchema,
        response: registrationSchema,
        name: v.optional(displayNameSchema),
      }),
      answers: passkeyAnswer,
      handle: async (context) => ({ json: await finishAdd(engine, context, context.body) }),
    }),
  ];
}

function manage(engine: Engine): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/passkeys",
      operationId: "listPasskeys",
      summary: "The caller's passkeys.",
      tag,
      access: "session",
      answers: {
        200: {
          description: "The passkeys, and what the signal API of browsers needs.",
          schema: v.object({ passkeys: v.array(passkeySchema), rpId: v.string(), userHandle: v.string() }),
        },
      },
      handle: async (context) => ({ json: await listPasskeys(engine, context) }),
    }),
    defineRoute({
      method: "PATCH",
      path: "/v1/passkeys/{id}",
      operationId: "renamePasskey",
      summary: "Names a passkey.",
      tag,
      access: "session",
      body: v.strictObject({ name: displayNameSchema }),
      answers: passkeyAnswer,
      handle: async (context) => ({ json: await renamePasskey(engine, context, context.body.name) }),
    }),
    defineRoute({
      method: "DELETE",
      path: "/v1/passkeys/{id}",
      operationId: "removePasskey",
      summary: "Removes a passkey, never the last way to sign in. Needs recent authentication.",
      tag,
      access: "session",
      fresh: true,
      answers: { 204: { description: "Removed." } },
      handle: async (context) => {
        await removePasskey(engine, context);
        return { status: 204 };
      },
    }),
  ];
}
