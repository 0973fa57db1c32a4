// One fault of each class, brought about for real, and the class it lands in: at the service, or on the screen.
import { createSegnoClient, type JsonObject } from "@segno/client";
import type { FailureClass } from "@segno/core";
import { createTestSegno, type TestBrowser, type TestSegno } from "@segno/testing";
import { afterEach, expect, it, vi } from "vitest";
import { createSignIn, type PasskeyBrowser, type SignInFlow } from "./index.js";

let test: TestSegno;
afterEach(() => test.close());

type Fault = "cut" | "hang" | "down" | "nonsense" | "bad" | undefined;
interface Scene {
  readonly flow: SignInFlow;
  readonly browser: TestBrowser;
  readonly email: string;
  readonly post: TestBrowser["call"];
  /** What becomes of every request but the report itself. */
  fault(next: Fault): void;
  prompt(next: "ok" | "close" | "tamper"): void;
}

async function open(canUse = true): Promise<Scene> {
  const browser = test.browser();
  let fault: Fault;
  let prompt: "ok" | "close" | "tamper" = "ok";
  const answer = async (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    if (String(input).endsWith("/v1/events")) return await browser.fetch(input, init);
    if (fault === "cut") throw new TypeError("fetch failed");
    if (fault === "down") {
      const body = { code: "store_unavailable", status: 503, title: "", retry: { when: "after_delay" } };
      const headers = { "content-type": "application/problem+json" };
      return new Response(JSON.stringify(body), { status: 503, headers });
    }
    if (fault === "nonsense") return new Response("<p>Welcome to this hotel</p>");
    if (fault === "bad") return await browser.fetch(input, { ...init, body: "{" });
    if (fault === "hang") {
      return await new Promise((_, reject) =>
        init?.signal?.addEventListener("abort", () => reject(new Error("abort"))),
      );
    }
    return await browser.fetch(input, init);
  };
  const client = createSegnoClient({
    baseUrl: test.origin,
    fetch: answer,
    openChannel: () => undefined,
    delay: async () => undefined,
    timeoutMs: 20,
  });
  const passkeys: PasskeyBrowser = {
    support: async () => ({ canUse, canAutofill: false }),
    create: async (publicKey: JsonObject) => {
      if (prompt === "close") throw Object.assign(new Error("closed"), { name: "NotAllowedError" });
      const challenge = prompt === "tamper" ? { ...publicKey, challenge: "A".repeat(43) } : publicKey;
      return { ...(await browser.authenticator.create(challenge as never)) };
    },
    get: async (publicKey: JsonObject) => ({ ...(await browser.authenticator.get(publicKey as never)) }),
    cancel: () => undefined,
  };
  const flow = createSignIn(client, { browser: passkeys, autofill: false });
  await flow.actions.start();
  flow.actions.edit({ email: "ada@example.com" });
  return {
    flow,
    browser,
    email: "ada@example.com",
    post: browser.call,
    fault: (next) => void (fault = next),
    prompt: (next) => void (prompt = next),
  };
}

const code = () => test.mail.nextCode("ada@example.com");
const otherThan = (right: string) => right.replace(/^./, (first) => (first === "1" ? "2" : "1"));
const withFault = (next: Fault) => async (scene: Scene) => {
  scene.fault(next);
  await scene.flow.actions.sendEmail();
};

const scenes: Readonly<Partial<Record<FailureClass, (scene: Scene) => Promise<unknown>>>> = {
  network: withFault("cut"),
  timeout: withFault("hang"),
  server: withFault("down"),
  sdk_exception: withFault("nonsense"),
  invalid_request: withFault("bad"),
  async user_cancelled({ flow, prompt }) {
    prompt("close");
    await flow.actions.signUpWithPasskey();
  },
  async rejected_credential({ flow, prompt }) {
    prompt("tamper");
    await flow.actions.signUpWithPasskey();
  },
  async abandoned({ flow }) {
    flow.actions.stop();
  },
  async wrong_code({ flow }) {
    await flow.actions.sendEmail();
    await flow.actions.submitCode(otherThan(await code()));
  },
  async expired_link({ flow }) {
    await flow.actions.sendEmail();
    test.clock.advance({ minutes: 11 });
    await flow.actions.submitCode(await code());
  },
  async rate_limited({ flow }) {
    for (let index = 0; index < 6; index += 1) await flow.actions.sendEmail();
  },
  async other_browser({ post }) {
    const started = await post<{ attemptId: string }>("/v1/email/start", { email: "ada@example.com" });
    const { attemptId } = started.body;
    await test.browser().call("/v1/email/verify", { attemptId, code: await code() });
  },
  async unknown_credential({ flow, post, browser }) {
    await flow.actions.signUpWithPasskey();
    await post("/v1/user", {}, { method: "DELETE" });
    const { attemptId, publicKey } = (
      await post<{ attemptId: string; publicKey: never }>("/v1/passkeys/sign-in/options", {})
    ).body;
    await post("/v1/passkeys/sign-in/verify", { attemptId, response: await browser.authenticator.get(publicKey) });
  },
  async not_signed_in({ post }) {
    await post("/v1/passkeys/step-up/options", {});
  },
  async policy_denied({ flow }) {
    const { user } = await test.signInAs("ada@example.com");
    await test.segno.api.suspendUser(user.id);
    await flow.actions.sendEmail();
    await flow.actions.submitCode(await code());
  },
  async suspicious({ flow }) {
    await flow.actions.sendEmail();
    const wrong = otherThan(await code());
    for (let index = 0; index < 6; index += 1) await flow.actions.submitCode(wrong);
  },
};

it.each(Object.entries(scenes))("R033: a fault of the class %s lands in it", async (name, run) => {
  test = await createTestSegno();
  const scene = await open();
  await run(scene);
  await vi.waitFor(
    async () => {
      await test.settle();
      const classes = test.events.flatMap(({ failureClass }) => failureClass ?? []);
      expect(classes).toContain(name);
      expect(classes).not.toContain("unknown");
    },
    { timeout: 5_000, interval: 50 },
  );
});

it("R033: a browser without passkeys, and a vault that does not answer", async () => {
  let isAway = false;
  const answer = async <Value>(value: Value): Promise<Value> => {
    if (isAway) throw new Error("away");
    return value;
  };
  const custody = {
    mode: "wrapped" as const,
    name: "test",
    wrap: (plain: Uint8Array) => answer(Buffer.from(plain).toString("base64url")),
    unwrap: (wrapped: string) => answer(new Uint8Array(Buffer.from(wrapped, "base64url"))),
    check: () => answer(undefined),
  };
  test = await createTestSegno({ keys: { custody, outageSeconds: 0, leaseSeconds: 60 } });
  const { flow } = await open(false);
  await flow.actions.signInWithPasskey();
  expect(flow.getState().error?.code).toBe("passkey_unsupported");
  const browser = test.browser();
  const { attemptId } = (await browser.call<{ attemptId: string }>("/v1/email/start", { email: "ada@example.com" }))
    .body;
  test.clock.advance({ minutes: 5 });
  isAway = true;
  const refused = await browser.call("/v1/email/verify", { attemptId, code: await code(), mode: "token" });
  expect(refused.status).toBe(503);
  await test.settle();
  expect(test.events.map(({ failureClass }) => failureClass)).toContain("key_unavailable");
  const [failure] = await test.eventsOf("login.failure");
  expect(failure).toMatchObject({ failureClass: "key_unavailable", data: { reason: "key_unavailable" } });
});
