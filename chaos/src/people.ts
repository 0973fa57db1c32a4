import { openBrowser, type TestBrowser } from "@segno/testing";
import { type Answer, type Call, send, sleep } from "./http.ts";
import { introspector, origin } from "./nodes/site.ts";

type Creation = Parameters<TestBrowser["authenticator"]["create"]>[0];

/** Somebody with an account and a session, at whichever node. */
export interface Person {
  readonly browser: TestBrowser;
  readonly userId: string;
  readonly sessionId: string;
  readonly cookie: string;
}

export interface Grant {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A browser whose requests go to the node that `port` names now. */
export function browserAt(port: () => number): TestBrowser {
  return openBrowser({
    origin,
    basePath: "/api/auth",
    nowMs: Date.now,
    handler: async (request) => {
      const url = new URL(request.url);
      const headers: Record<string, string> = {};
      request.headers.forEach((value, name) => (headers[name] = value));
      const hasBody = request.body !== null;
      const answer = await send({
        port: port(),
        method: request.method,
        path: url.pathname + url.search,
        headers,
        ...(hasBody ? { body: await request.text() } : {}),
      });
      if (answer.status === 0) throw new Error(`no answer: ${answer.text}`);
      return toResponse(answer);
    },
  });
}

function toResponse({ status, headers, text }: Answer): Response {
  const given = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value ?? ""]) given.append(name, each);
  }
  return new Response(text === "" ? null : text, { status, headers: given });
}

/** Creates an account that has a passkey. @throws Error when a step is not answered well */
export async function signUp(browser: TestBrowser): Promise<Person> {
  const { attemptId, publicKey } = await well<{ attemptId: string; publicKey: Creation }>(
    browser,
    "/v1/passkeys/sign-up/options",
    {},
  );
  const response = await browser.authenticator.create(publicKey);
  const { user, session } = await well<{ user: { id: string }; session: { id: string } }>(
    browser,
    "/v1/passkeys/sign-up/verify",
    { attemptId, response },
  );
  return {
    browser,
    userId: user.id,
    sessionId: session.id,
    cookie: `segno.sid=${browser.cookies.get("segno.sid") ?? ""}`,
  };
}

/** Accounts to begin with: before anything is broken, a machine that is busy may take its time. */
export async function signUpMany(count: number, port: (index: number) => number): Promise<readonly Person[]> {
  const patiently = async (index: number): Promise<Person> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await signUp(browserAt(() => port(index)));
      } catch (error) {
        if (tries === 5) throw error;
        await sleep(500);
      }
    }
  };
  return await Promise.all(Array.from({ length: count }, (_, index) => patiently(index)));
}

/** One of them. */
export async function signUpFirst(port: () => number): Promise<Person> {
  const [person] = await signUpMany(1, port);
  if (person === undefined) throw new Error("nobody signed up");
  return person;
}

/** The first tokens of a new family. @throws Error when that is not answered well */
export function grant({ browser }: Person): Promise<Grant> {
  return well<Grant>(browser, "/v1/session/grant", {});
}

async function well<Body>(browser: TestBrowser, path: string, body: unknown): Promise<Body> {
  const answer = await browser.call<Body>(path, body);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

const form = { "Content-Type": "application/x-www-form-urlencoded" };

/** Redeems a refresh token. */
export function refresh(call: Pick<Call, "port" | "agent" | "timeoutMs">, refreshToken: string): Promise<Answer> {
  const body = `grant_type=refresh_token&client_id=segno&refresh_token=${refreshToken}`;
  return send({ ...call, method: "POST", path: "/api/auth/oauth2/token", headers: form, body });
}

/** What a good answer to `refresh` holds. */
export function grantOf(answer: Answer): Grant {
  const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(answer.text) as Record<string, string>;
  return { accessToken: accessToken ?? "", refreshToken: refreshToken ?? "" };
}

/** An access token for the cookie of a session, whatever becomes of it. */
export function issueToken(call: Pick<Call, "port" | "agent" | "timeoutMs">, cookie: string): Promise<Answer> {
  const headers = { cookie, origin, "content-type": "application/json", "sec-fetch-site": "same-origin" };
  return send({ ...call, method: "POST", path: "/api/auth/v1/session/token", headers, body: "{}" });
}

/** How long it takes until a token is issued again, milliseconds; NaN when it is not within half a minute. */
export async function untilIssued(port: number, cookie: string): Promise<number> {
  const sinceMs = performance.now();
  while ((await issueToken({ port }, cookie)).status !== 200) {
    if (performance.now() - sinceMs > 30_000) return Number.NaN;
    await sleep(50);
  }
  return performance.now() - sinceMs;
}

/** Asks the store who is signed in. */
export function readSession(call: Pick<Call, "port" | "agent" | "timeoutMs">, cookie: string): Promise<Answer> {
  return send({ ...call, path: "/api/auth/v1/session", headers: { cookie } });
}

/** Asks an API that checks tokens offline. */
export function useToken(call: Pick<Call, "port" | "agent" | "timeoutMs">, token: string): Promise<Answer> {
  return send({ ...call, path: "/orders", headers: { authorization: `Bearer ${token}` } });
}

/** The same at a route that asks the issuer about tokens, and remembers for some seconds. */
export function useTokenAsking(call: Pick<Call, "port" | "agent" | "timeoutMs">, token: string): Promise<Answer> {
  return send({ ...call, path: "/asking", headers: { authorization: `Bearer ${token}` } });
}

export function introspect(call: Pick<Call, "port" | "agent" | "timeoutMs">, token: string): Promise<Answer> {
  const secret = Buffer.from(`${introspector.id}:${introspector.secret}`).toString("base64");
  const headers = { ...form, authorization: `Basic ${secret}` };
  return send({ ...call, method: "POST", path: "/api/auth/oauth2/introspect", headers, body: `token=${token}` });
}

export function jtiOf(accessToken: string): string {
  const { jti } = JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString()) as { jti: string };
  return jti;
}

/** What a token says, unchecked. */
export function claimsOf(accessToken: string): { readonly kid: string; readonly exp: number } {
  const [head = "", payload = ""] = accessToken.split(".").map((part) => Buffer.from(part, "base64url").toString());
  return { ...(JSON.parse(head) as { kid: string }), ...(JSON.parse(payload) as { exp: number }) };
}
