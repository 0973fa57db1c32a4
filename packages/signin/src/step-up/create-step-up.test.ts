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
  expect(weak.service.bodies.at(-1)).toEqual({ email: "ada@example.com" });
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
