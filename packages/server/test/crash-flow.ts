// A person's way through sign-up, sign-in, step-up, factors and refresh, on a database of its own; kills itself at one
// boundary. Prints a line for every answer that reached the caller, then "done".
import type { EventSink } from "@segno/server";
import { createSoftwareAuthenticator, createTestSegno, type SignedInBrowser, type TestBrowser } from "@segno/testing";
import { acknowledge, acknowledgeEnd, arm, database, dieAt } from "./crash-points.js";

const sink: EventSink = {
  name: "siem",
  deliver: async (events) => acknowledge({ delivered: events.map(({ event }) => event.id) }),
};
const test = await createTestSegno({ database, seed: `crash ${dieAt}`, events: { sinks: [sink] } });
arm();

interface Options {
  readonly attemptId: string;
  readonly publicKey: never;
}
async function ask<Body>(browser: TestBrowser, path: string, body: unknown, method = "POST"): Promise<Body> {
  const answer = await browser.call<Body>(path, body, { method });
  if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
async function followLink(browser: TestBrowser, input: object): Promise<void> {
  await ask(browser, "/v1/email/start", input);
  const token = new URL(await test.mail.nextLink("ada@example.com")).searchParams.get("token");
  const redeemed = await browser.fetch("/api/auth/v1/email/link", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (redeemed.status !== 303) throw new Error(`the link answered ${redeemed.status}`);
}
const acknowledgeLogin = (browser: TestBrowser, { user, session }: Pick<SignedInBrowser, "user" | "session">) =>
  acknowledge({ login: session.id, user: user.id, cookie: browser.cookies.header(new URL(test.origin)) });

// passkey: sign-up, step-up, a second one, and the second one removed
const up = await test.signUpWithPasskey({ displayName: "Ada" });
acknowledgeLogin(up.browser, up);
const step = await ask<Options>(up.browser, "/v1/passkeys/step-up/options", {});
const assertion = await up.browser.authenticator.get(step.publicKey);
acknowledge({ replacing: up.session.id });
const stepped = await ask<Pick<SignedInBrowser, "user" | "session">>(up.browser, "/v1/passkeys/step-up/verify", {
  attemptId: step.attemptId,
  response: assertion,
});
acknowledgeLogin(up.browser, stepped);
const add = await ask<Options>(up.browser, "/v1/passkeys/add/options", {});
const second = await createSoftwareAuthenticator({ origin: test.origin }).create(add.publicKey);
const added = await ask<{ id: string }>(up.browser, "/v1/passkeys/add/verify", {
  attemptId: add.attemptId,
  response: second,
});
acknowledge({ added: added.id });
acknowledge({ removing: added.id });
await ask(up.browser, `/v1/passkeys/${added.id}`, undefined, "DELETE");
acknowledge({ removed: added.id });

// mail: by code, then by link in another browser
const mailed = await test.signInAs("ada@example.com");
acknowledgeLogin(mailed.browser, mailed);
const other = test.browser();
await followLink(other, { email: "ada@example.com" });
const cookie = other.cookies.header(new URL(test.origin));
acknowledge({ cookie, user: mailed.user.id, login: "by link" });

// step-up by mail: by link in the first browser, by code in the other
acknowledge({ replacing: mailed.session.id });
await followLink(mailed.browser, { email: "ada@example.com", stepUp: true });
acknowledgeLogin(mailed.browser, mailed);
acknowledge({ replacing: "by link" });
const { attemptId } = await ask<Options>(other, "/v1/email/start", { email: "ada@example.com", stepUp: true });
const code = await test.mail.nextCode("ada@example.com");
await ask(other, "/v1/email/verify", { attemptId, code, stepUp: true });
acknowledge({ cookie: other.cookies.header(new URL(test.origin)), user: mailed.user.id, login: "by link" });

// tokens
let { refreshToken } = await mailed.tokens();
acknowledge({ refreshToken });
for (let turn = 0; turn < 2; turn += 1) {
  const response = await mailed.browser.fetch(`${test.origin}/api/auth/oauth2/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" }),
  });
  const body: { refresh_token: string } = await response.json();
  refreshToken = body.refresh_token;
  acknowledge({ refreshToken });
}
acknowledgeEnd();
await test.close();
process.exit(0);
