import { expect, it } from "vitest";
import { createBrowserDouble, createServiceTable, problem, settle, signedInAs } from "../browser.double.js";
import { createStepUp } from "./create-step-up.js";

const challenge = (acr: string) => ({
  "www-authenticate": `Bearer error="insufficient_user_authentication", acr_values="${acr}", max_age=600`,
});

function open(acr = "phr", sessionAcr = "phr") {
  const browser = createBrowserDouble();
  const ada = signedInAs("ada");
  const service = createServiceTable({ ...ada, session: { ...ada.session, acr: sessionAcr } });
  let isConfirmed = false;
  for (const [path, answer] of [
    ["/v1/passkeys/step-up/verify", signedInAs("ada")],
    ["/v1/email/verify", signedInAs("ada")],
  ] as const) {
    service.reply(path, () => {
      isConfirmed = true;
      return Response.json(answer);
    });
  }
  service.reply("/v1/passkeys/p1", () =>
    isConfirmed
      ? new Response(null, { status: 204 })
      : problem(401, "insufficient_user_authentication", "after_step_up", challenge(acr)),
  );
  const flow = createStepUp(service.client, { browser: browser.browser });
  return { browser, service, flow, actions: flow.actions };
}

it("confirms with a passkey, then does what was asked", async () => {
  const { actions, browser, flow, service } = open();
  const removal = actions.run(() => service.client.passkeys.remove("p1"));
  await settle();
  expect(flow.getState()).toMatchObject({
    status: "required",
    requirement: { acr: "phr", maxAgeSeconds: 600 },
    methods: ["passkey"],
  });
  void actions.confirmWithPasskey();
  await settle();
  browser.pick();
  expect((await removal).error).toBeNull();
  expect(flow.getState().status).toBe("idle");
  expect(service.seen.filter((path) => path === "/v1/passkeys/p1")).toHaveLength(2);
});

it("one step-up serves every call that waits for it", async () => {
  const { actions, browser, service } = open();
  const calls = [1, 2, 3].map(() => actions.run(() => service.client.passkeys.remove("p1")));
  await settle();
  void actions.confirmWithPasskey();
  await settle();
  browser.pick();
  expect((await Promise.all(calls)).map((result) => result.error)).toEqual([null, null, null]);
  expect(browser.opened).toBe(1);
});

it("works for responses of an API", async () => {
  const { actions, browser } = open();
  const answers = [new Response("", { status: 401, headers: challenge("phr") }), new Response("done")];
  const call = actions.run(async () => answers.shift() ?? new Response("", { status: 500 }));
  await settle();
  void actions.confirmWithPasskey();
  await settle();
  browser.pick();
  expect(await (await call).text()).toBe("done");
});

it("gives the first answer back when the person cancels, and is ready for the next", async () => {
  const { actions, flow, service } = open();
  const call = actions.run(() => service.client.passkeys.remove("p1"));
  await settle();
  actions.cancel();
  expect((await call).error?.code).toBe("insufficient_user_authentication");
  expect(flow.getState().status).toBe("idle");
});

it("a closed prompt leaves the question open", async () => {
  const { actions, browser, flow, service } = open();
  void actions.run(() => service.client.passkeys.remove("p1"));
  await settle();
  void actions.confirmWithPasskey();
  await settle();
  browser.refuse();
  await settle();
  expect(flow.getState()).toMatchObject({ status: "required", error: { code: "passkey_cancelled" } });
  actions.cancel();
});

it("offers a mailed code only where it is strong enough", async () => {
  const weak = open("aal1", "aal1");
  const call = weak.actions.run(() => weak.service.client.passkeys.remove("p1"));
  await settle();
  expect(weak.flow.getState()).toMatchObject({ methods: ["passkey", "email"] });
  await weak.actions.sendEmail();
  expect(weak.service.bodies.at(-1)).toEqual({ email: "ada@example.com", stepUp: true });
  await weak.actions.submitCode("123456");
  expect((await call).error).toBeNull();
  // The session there is rises: nobody signs in again.
  expect(weak.service.bodies.at(-2)).toEqual({ attemptId: "m1", code: "123456", stepUp: true });
  for (const [asked, reached] of [
    ["phr", "aal1"],
    ["aal1", "phr"],
  ]) {
    const strong = open(asked, reached);
    void strong.actions.run(() => strong.service.client.passkeys.remove("p1"));
    await settle();
    await strong.actions.sendEmail();
    expect(strong.flow.getState().status).toBe("required");
    strong.actions.cancel();
  }
});

it("asks without a call, for a page that was sent here to step up", async () => {
  const { actions, browser, flow } = open();
  const asked = actions.ask({ maxAgeSeconds: 300 });
  expect(flow.getState()).toMatchObject({ status: "required", requirement: { maxAgeSeconds: 300 } });
  void actions.confirmWithPasskey();
  await settle();
  browser.pick();
  expect(await asked).toBe(true);
  const again = actions.ask({});
  actions.cancel();
  expect(await again).toBe(false);
});

it("leaves answers alone that ask for nothing", async () => {
  const { actions, flow } = open();
  expect(await actions.run(async () => 42)).toBe(42);
  expect(await actions.run(async () => null)).toBeNull();
  expect(flow.getState().status).toBe("idle");
});

/** An account without a passkey, on a page that asks for one. */
function openWithoutPasskey(isRecent: boolean) {
  const opened = open("phr", "aal1");
  const { service } = opened;
  let hasPasskey = false;
  let isProved = isRecent;
  service.reply("/v1/passkeys/step-up/options", () =>
    hasPasskey ? Response.json({ attemptId: "a1", publicKey: {} }) : problem(400, "passkey_unknown", "never"),
  );
  service.reply("/v1/passkeys/add/options", () =>
    isProved
      ? Response.json({ attemptId: "a2", publicKey: {} })
      : problem(401, "insufficient_user_authentication", "after_step_up", challenge("aal1")),
  );
  service.reply("/v1/passkeys/add/verify", () => {
    hasPasskey = true;
    return Response.json({ id: "p1" });
  });
  service.reply("/v1/email/verify", ({ code }) => {
    if (code !== "123456") return problem(400, "wrong_code", "after_correction");
    isProved = true;
    const ada = signedInAs("ada");
    return Response.json({ ...ada, session: { ...ada.session, acr: "aal1" } });
  });
  const asked = opened.actions.ask({ acr: "phr" });
  const press = async (how: "pick" | "refuse" | "nothing" = "pick") => {
    void opened.actions.confirmWithPasskey();
    await settle();
    if (how !== "nothing") opened.browser[how]();
    await settle();
  };
  return { ...opened, asked, press };
}

it("an account without a passkey adds one first, then confirms with it", async () => {
  const { asked, browser, flow, press, service } = openWithoutPasskey(true);
  await press("nothing");
  expect(flow.getState()).toMatchObject({ status: "required", methods: ["new_passkey"], error: null });
  expect(browser.opened).toBe(0);
  void flow.actions.confirmWithPasskey();
  await settle();
  expect([flow.getState().status, browser.prompt()]).toEqual(["awaiting_passkey", "create"]);
  browser.refuse();
  await settle();
  expect(flow.getState()).toMatchObject({
    status: "required",
    methods: ["new_passkey"],
    error: { code: "passkey_cancelled" },
  });
  await press();
  expect(flow.getState()).toMatchObject({ status: "required", methods: ["passkey"], error: null });
  await press();
  expect(await asked).toBe(true);
  expect(service.seen.filter((path) => path.startsWith("/v1/email"))).toEqual([]);
});

it("mails a code first where a first passkey needs a fresh proof of the mailbox", async () => {
  const { actions, asked, browser, flow, press, service } = openWithoutPasskey(false);
  await press("nothing");
  await press("nothing");
  expect(flow.getState()).toMatchObject({ status: "awaiting_code", codeLength: 6 });
  await actions.submitCode("111111");
  expect(flow.getState()).toMatchObject({ status: "awaiting_code", error: { code: "wrong_code" } });
  await actions.submitCode("123456");
  expect(flow.getState()).toMatchObject({ status: "required", methods: ["new_passkey"], error: null });
  expect(browser.opened).toBe(0);
  await press();
  await press();
  expect(await asked).toBe(true);
  expect(service.seen.filter((path) => path === "/v1/email/start")).toHaveLength(1);
});

it("cancelling a first passkey is the answer no, whatever comes back later", async () => {
  const { actions, asked, browser, flow, press } = openWithoutPasskey(true);
  await press("nothing");
  void actions.confirmWithPasskey();
  await settle();
  actions.cancel();
  expect(await asked).toBe(false);
  browser.pick();
  await settle();
  expect(flow.getState().status).toBe("idle");
});

it("where a mailed code is enough, a missing passkey is only said", async () => {
  const { actions, flow, service } = open("aal1", "aal1");
  service.reply("/v1/passkeys/step-up/options", () => problem(400, "passkey_unknown", "never"));
  void actions.ask({ acr: "aal1" });
  await actions.confirmWithPasskey();
  expect(flow.getState()).toMatchObject({ methods: ["passkey", "email"], error: { code: "passkey_unknown" } });
  actions.cancel();
});

it("is over once the link of the mail has raised the session in another tab", async () => {
  const { actions, flow, service } = open("aal1", "aal1");
  const asked = actions.ask({ acr: "aal1" });
  await actions.sendEmail();
  const { session, user } = service.client.session.get();
  service.reply("/v1/session", { session, user });
  await service.client.session.refresh();
  expect(flow.getState().status).toBe("awaiting_code");
  service.reply("/v1/session", { session: { ...session, authTime: "2026-01-01T00:20:00.000Z" }, user });
  await service.client.session.refresh();
  expect(await asked).toBe(true);
  expect(flow.getState().status).toBe("idle");
});

it("a sign-out elsewhere is no step-up", async () => {
  const { actions, flow, service } = open("aal1", "aal1");
  void actions.ask({ acr: "aal1" });
  await actions.sendEmail();
  service.reply("/v1/session", { session: null, user: null });
  await service.client.session.refresh();
  expect(flow.getState().status).toBe("awaiting_code");
  actions.cancel();
});
