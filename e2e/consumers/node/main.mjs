// Plain Node: sign in by a mailed code, check the access token offline, all through the handler.
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAccessTokenVerifier, createLocalKeySet } from "@segno/core";
import { createSegno, silentLogger } from "@segno/server";

const origin = "http://localhost:3000";
const mails = [];
const segno = createSegno({
  baseUrl: origin,
  database: join(mkdtempSync(join(tmpdir(), "segno-consumer-")), "segno.db"),
  secret: "1:an-example-secret-of-more-than-32-characters",
  email: { send: async (message) => void mails.push(message) },
  logger: silentLogger,
});
const peer = { remoteAddress: "127.0.0.1" };
const call = async (path, body, headers = {}) => {
  const init =
    body === undefined
      ? { headers }
      : {
          method: "POST",
          headers: { "content-type": "application/json", origin, ...headers },
          body: JSON.stringify(body),
        };
  const response = await segno.handler(new Request(`${origin}${path}`, init), peer);
  return { status: response.status, cookies: response.headers.getSetCookie(), body: await response.json() };
};

assert.equal((await call("/api/auth/health/ready")).status, 200);
assert.equal((await call("/api/auth/openapi.json")).body.openapi.slice(0, 3), "3.1");
assert.equal((await call("/.well-known/openid-configuration")).body.issuer, origin);

const started = await call("/api/auth/v1/email/start", { email: "ada@example.com" });
assert.equal(started.status, 202, JSON.stringify(started.body));
const cookie = started.cookies.map((line) => line.split(";")[0]).join("; ");
while (mails.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
const code = mails[0].text
  .match(/\b[A-Z0-9]{3}[- ]?[A-Z0-9]{3,5}\b/g)
  .map((text) => text.replace(/[- ]/g, ""))
  .find((text) => text.length === started.body.codeLength);
const verified = await call(
  "/api/auth/v1/email/verify",
  { attemptId: started.body.attemptId, code, mode: "token" },
  { cookie },
);
assert.equal(verified.status, 200, JSON.stringify(verified.body));
assert.equal(verified.body.status, "signed_in");

const keys = createLocalKeySet((await call("/.well-known/jwks.json")).body);
const verifier = createAccessTokenVerifier({ issuer: origin, audience: origin, keys });
const claims = await verifier.verify(verified.body.tokens.accessToken);
assert.equal(claims.sub, verified.body.user.id);
await segno.close();
console.log(`signed in, token of ${claims.sub} checked`);
