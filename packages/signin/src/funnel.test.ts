// An application with fifty scripted sign-ins: what the funnel says is what was done, to the last count.
import type { JsonObject } from "@segno/client";
import { createInMemoryClient, createTestSegno, type TestBrowser, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createSignIn, type PasskeyBrowser, type SignInFlow } from "./index.js";

const agents = {
  phone: "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1",
  desktop: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0 Safari/537.36",
};
let test: TestSegno;
beforeEach(async () => {
  test = await createTestSegno({
    experiment: ({ headers }) => ({
      experiment: "first",
      variant: /Arm\/(\w)/.exec(headers.get("user-agent") ?? "")?.[1] ?? "",
    }),
  });
});
afterEach(() => test.close());

interface Visit {
  readonly flow: SignInFlow;
  readonly device: TestBrowser;
  readonly email: string;
  /** What the next prompt does. */
  decline(): void;
}

async function visit(index: number): Promise<Visit> {
  const agent = index % 2 === 0 ? agents.phone : agents.desktop;
  const device = test.browser({ userAgent: `${agent} Arm/${index % 5 === 0 ? "b" : "a"}` });
  const { client } = createInMemoryClient(test.segno, { browser: device });
  type Create = Parameters<typeof device.authenticator.create>[0];
  let isDeclining = false;
  const browser: PasskeyBrowser = {
    support: async () => ({ canUse: true, canAutofill: false }),
    create: async (publicKey: JsonObject) => {
      if (!isDeclining) return { ...(await device.authenticator.create(publicKey as unknown as Create)) };
      isDeclining = false;
      throw Object.assign(new Error("closed"), { name: "NotAllowedError" });
    },
    get: () => Promise.reject(new Error("not in this script")),
    cancel: () => undefined,
  };
  const flow = createSignIn(client, { browser, autofill: false, locale: "en" });
  await flow.actions.start();
  const email = `person${index}@example.com`;
  flow.actions.edit({ email });
  return { flow, device, email, decline: () => void (isDeclining = true) };
}

const scripts = {
  async passkey({ flow }: Visit) {
    await flow.actions.signUpWithPasskey();
    expect(flow.getState().status).toBe("signed_in");
  },
  async passkeyAfterClosing({ flow, decline }: Visit) {
    decline();
    await flow.actions.signUpWithPasskey();
    test.clock.advance({ seconds: 3 });
    await flow.actions.signUpWithPasskey();
    expect(flow.getState().status).toBe("signed_in");
  },
  async code({ flow, email }: Visit) {
    await flow.actions.sendEmail();
    test.clock.advance({ seconds: 20 });
    await flow.actions.submitCode(await test.mail.nextCode(email));
    expect(flow.getState().status).toBe("signed_in");
  },
  async codeAfterWrongOne({ flow, email }: Visit) {
    await flow.actions.sendEmail();
    const code = await test.mail.nextCode(email);
    await flow.actions.submitCode(code.replace(/^./, (first) => (first === "1" ? "2" : "1")));
    test.clock.advance({ seconds: 40 });
    await flow.actions.submitCode(code);
    expect(flow.getState().status).toBe("signed_in");
  },
  async link({ flow, device, email }: Visit) {
    await flow.actions.sendEmail();
    test.clock.advance({ seconds: 60 });
    const { text } = await test.mail.next(email);
    const token = /token=([\w-]+)/.exec(text)?.[1];
    expect((await device.call("/v1/email/link", { token })).status).toBe(303);
    flow.actions.stop();
  },
  async leftBehind({ flow }: Visit) {
    await flow.actions.sendEmail();
    flow.actions.stop();
  },
};

it("R031 R032 R033: fifty scripted sign-ins, counted exactly", async () => {
  const plan = [
    ...Array.from({ length: 20 }, () => scripts.passkey),
    ...Array.from({ length: 10 }, () => scripts.passkeyAfterClosing),
    ...Array.from({ length: 8 }, () => scripts.code),
    ...Array.from({ length: 4 }, () => scripts.codeAfterWrongOne),
    ...Array.from({ length: 3 }, () => scripts.link),
    ...Array.from({ length: 5 }, () => scripts.leftBehind),
  ];
  for (const [index, script] of plan.entries()) await script(await visit(index));
  // the last reports leave a second after they began
  await vi.waitFor(
    async () => expect((await test.segno.api.funnel()).rows[0]?.screens).toMatchObject({ exposed: 50, done: 42 }),
    { timeout: 10_000, interval: 50 },
  );
  test.clock.advance({ minutes: 11 });

  const all = await test.segno.api.funnel();
  expect(all.rows).toHaveLength(1);
  expect(all.rows[0]).toMatchObject({
    group: "all",
    started: 60,
    completed: 45,
    abandoned: 15,
    open: 0,
    completion: 0.75,
    abandonment: 0.25,
    adoption: 1,
    timeToSuccessMs: { p50: 0, p90: 60_000 - 20_000 },
    methods: { email_code: 12, email_link: 3, passkey: 30 },
    failures: { wrong_code: 4 },
  });
  expect(all.rows[0]?.screens).toMatchObject({
    exposed: 50,
    begun: 50,
    done: 42,
    left: 8,
    failures: { user_cancelled: 10 },
  });
  expect(all).toMatchObject({ riskAlerts: {}, unknownShare: 0 });

  const byMethod = await test.segno.api.funnel({ by: "method" });
  expect(
    byMethod.rows.map(({ group, started, completed, abandoned, adoption }) => [
      group,
      started,
      completed,
      abandoned,
      adoption,
    ]),
  ).toEqual([
    ["email", 20, 15, 5, 15 / 45],
    ["passkey", 40, 30, 10, 30 / 45],
  ]);
  expect(byMethod.rows[0]?.timeToSuccessMs).toEqual({ p50: 20_000, p90: 60_000 });

  const byDevice = await test.segno.api.funnel({ by: "device" });
  expect(byDevice.rows.map(({ group, completed, screens }) => [group, completed, screens.exposed])).toEqual([
    ["desktop", 22, 25],
    ["phone", 23, 25],
  ]);
  const byVariant = await test.segno.api.funnel({ by: "variant" });
  expect(byVariant.rows.map(({ group, completed, screens }) => [group, completed, screens.exposed])).toEqual([
    ["first:a", 36, 40],
    ["first:b", 9, 10],
  ]);
  const parts = byVariant.rows.reduce((sum, { started }) => sum + started, 0);
  expect(parts).toBe(60);
}, 60_000);
