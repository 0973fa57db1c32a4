import * as v from "valibot";
import { stepUpMode } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import { defineRoute, type Route } from "../../http/route.js";
import { displayNameSchema, userSchema } from "../../users/index.js";
import { attemptIdSchema, emailSchema, modeSchema, signedInSchema } from "../schemas.js";
import { pickLocale } from "./locale.js";
import { badLinkPage, codePage, confirmPage, sameBrowserPage } from "./pages.js";
import { redeemLink } from "./redeem-link.js";
import { codeLength, isLinkToken } from "./secrets.js";
import { startEmailAdd } from "./start-add.js";
import { stepUpByEmailCode } from "./step-up.js";
import { startEmailSignIn } from "./start-sign-in.js";
import { verifyEmailAdd } from "./verify-add.js";
import { verifyEmailCode } from "./verify-code.js";

const localeSchema = v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*$/), v.maxLength(35)));
/** Blanks and hyphens people copy along are no part of the code (T-097). */
const codeSchema = v.pipe(
  v.string(),
  v.maxLength(32),
  v.transform((typed) => typed.normalize("NFKC").replace(/[\s-]/g, "")),
  v.regex(new RegExp(`^[0-9]{${codeLength}}$`), `Type the ${codeLength} digits of the code.`),
);
const challengeSchema = v.object({ attemptId: v.string(), expiresInSeconds: v.number(), codeLength: v.number() });
const challengeAnswer = {
  202: { description: "A mail is on its way, if the address can be mailed to.", schema: challengeSchema },
};

/** Email over HTTP. Ways that are switched off have no routes. */
export function emailRoutes(engine: Engine): Route[] {
  const { emailLink, emailCode } = engine.config.signIn;
  return [
    ...(emailLink || emailCode ? [start(engine)] : []),
    ...(emailCode ? [verify(engine)] : []),
    ...(emailLink ? [openLink(engine), takeLink(engine)] : []),
    startAdd(engine),
    verifyAdd(engine),
  ];
}

function start(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/email/start",
    operationId: "startEmailSignIn",
    ceremony: "email_code",
    summary:
      "Mails a link and a code. The answer is the same for every address. In a session, the link may raise that session.",
    tag: "email",
    access: "public",
    body: v.strictObject({
      email: emailSchema,
      displayName: v.optional(displayNameSchema),
      returnTo: v.optional(v.pipe(v.string(), v.maxLength(2000))),
      locale: localeSchema,
      stepUp: v.optional(v.boolean()),
    }),
    answers: challengeAnswer,
    handle: async (context) => ({ status: 202, json: await startEmailSignIn(engine, context, context.body) }),
  });
}

function verify(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/email/verify",
    operationId: "verifyEmailCode",
    ceremony: "email_code",
    summary:
      "Signs in with a mailed code, in the browser that asked for it. In a session, may raise that session instead.",
    tag: "email",
    access: "public",
    body: v.strictObject({
      attemptId: attemptIdSchema,
      code: codeSchema,
      mode: v.optional(modeSchema),
      stepUp: v.optional(v.boolean()),
    }),
    answers: { 200: { description: "Signed in.", schema: signedInSchema } },
    handle: async (context) => {
      const { attemptId, code, mode, stepUp } = context.body;
      const input = { attemptId, code };
      return {
        json:
          stepUp === true
            ? await stepUpByEmailCode(engine, context, { ...input, mode: stepUpMode(context, mode) })
            : await verifyEmailCode(engine, context, { ...input, mode: mode ?? "cookie" }),
      };
    },
  });
}

function openLink(engine: Engine): Route {
  return defineRoute({
    method: "GET",
    path: "/v1/email/link",
    operationId: "openEmailLink",
    summary: "A page with one button. Reads and changes nothing.",
    tag: "email",
    access: "public",
    errors: "html",
    answers: { 200: { description: "HTML." } },
    handle: async ({ query, request }) => {
      const locale = pickLocale(request.headers.get("accept-language"));
      const token = query.get("token") ?? "";
      if (!isLinkToken(token)) return badLinkPage({ locale });
      const action = `${engine.config.basePath}/v1/email/link`;
      return confirmPage({ locale, action, token, app: new URL(engine.config.baseUrl).host });
    },
  });
}

function takeLink(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/email/link",
    operationId: "redeemEmailLink",
    ceremony: "email_link",
    summary: "Signs in, or raises the session, in the browser that asked; shows the code in any other.",
    tag: "email",
    access: "public",
    errors: "html",
    encodings: ["form", "json"],
    body: v.strictObject({ token: v.pipe(v.string(), v.maxLength(200)) }),
    answers: {
      200: { description: "HTML with the code to type on the device that asked. Nothing was used up." },
      303: { description: "Signed in; Location is where to go." },
    },
    handle: async (context) => {
      const locale = pickLocale(context.request.headers.get("accept-language"));
      const redeemed = await redeemLink(engine, context, context.body.token);
      if (redeemed.outcome === "signed_in") return { status: 303, headers: { Location: redeemed.returnTo } };
      return engine.config.signIn.emailCode ? codePage({ locale, code: redeemed.code }) : sameBrowserPage({ locale });
    },
  });
}

function startAdd(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/user/email/start",
    operationId: "startEmailAdd",
    summary: "Mails a code to an address the caller wants as theirs.",
    tag: "users",
    access: "session",
    fresh: true,
    body: v.strictObject({ email: emailSchema, locale: localeSchema }),
    answers: challengeAnswer,
    handle: async (context) => ({ status: 202, json: await startEmailAdd(engine, context, context.body) }),
  });
}

function verifyAdd(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/user/email/verify",
    operationId: "verifyEmailAdd",
    summary: "Makes the address the caller's, in place of the one before.",
    tag: "users",
    access: "session",
    fresh: true,
    body: v.strictObject({ attemptId: attemptIdSchema, code: codeSchema }),
    answers: { 200: { description: "The user.", schema: userSchema } },
    handle: async (context) => ({ json: await verifyEmailAdd(engine, context, context.body) }),
  });
}
