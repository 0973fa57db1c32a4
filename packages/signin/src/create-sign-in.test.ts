import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createBrowserDouble, createServiceTable, problem, settle, signedInAs } from "./browser.double.js";
import { createSignIn, type SignInOptions } from "./create-sign-in.js";

function open(support?: { canUse: boolean; canAutofill: boolean }, options: SignInOptions = {}) {
  const browser = createBrowserDouble(support);
  const service = createServiceTable();
  const flow = createSignIn(service.client, { browser: browser.browser, locale: "en", ...options });
  return { browser, service, flow, actions: flow.actions, state: flow.getState };
}

describe("passkey", () => {
  it("signs in by button", async () => {
    const onSignedIn = vi.fn();
    const { actions, browser, state, service } = open(undefined, { onSignedIn });
    await actions.start();
    const done = actions.signInWithPasskey();
    expect(state()).toMatchObject({ status: "awaiting_passkey", isVerifying: false });
    await settle();
    browser.pick();
    await done;
    expect(state()).toMatchObject({ status: "signed_in", user: { id: "ada" } });
    expect(service.client.session.get()).toMatchObject({ status: "signed_in", user: { id: "ada" } });
    expect(onSignedIn).toHaveBeenCalledTimes(1);
  });

  it("signs in by autofill, without a button or a prompt", async () => {
    const { actions, browser, state } = open({ canUse: true, canAutofill: true });
    void actions.start();
    await settle();
    expect(state().status).toBe("choosing");
    expect(browser.prompt()).toBe("autofill");
    browser.pick();
    await settle();
    expect(state().status).toBe("signed_in");
  });

  it("the button ends autofill; a closed prompt arms it again", async () => {
    const { actions, browser, state } = open({ canUse: true, canAutofill: true });
    void actions.start();
    await settle();
    void actions.signInWithPasskey();
    await settle();
    expect(browser.prompt()).toBe("get");
    browser.refuse();
    await settle();
    expect(state()).toMatchObject({ status: "choosing", offersEmail: true, error: { code: "passkey_cancelled" } });
    expect(browser.prompt()).toBe("autofill");
    expect(browser.mostAtOnce).toBe(1);
  });

  it("R057: a browser without passkeys sees no prompt and goes on by mail", async () => {
    const { actions, browser, state } = open({ canUse: false, canAutofill: false });
    await actions.start();
    expect(state().canUsePasskey).toBe(false);
    await actions.signInWithPasskey();
    expect(state().error?.code).toBe("passkey_unsupported");
    expect(browser.opened).toBe(0);
    actions.edit({ email: "ada@example.com" });
    await actions.sendEmail();
    await actions.submitCode("123 456");
    expect(state().status).toBe("signed_in");
  });

  it("R058: with the passkey service dead, the same screen completes by mail with what was typed", async () => {
    const { actions, service, state } = open({ canUse: true, canAutofill: true });
    for (const half of ["options", "verify"]) service.cut(`/v1/passkeys/sign-in/${half}`);
    await actions.start();
    actions.edit({ email: "ada@example.com", displayName: "Ada" });
    await actions.signInWithPasskey();
    expect(state()).toMatchObject({
      status: "choosing",
      offersEmail: true,
      error: { code: "network" },
      input: { email: "ada@example.com", displayName: "Ada" },
    });
    await actions.sendEmail();
    expect(service.bodies.at(-1)).toEqual({ email: "ada@example.com", displayName: "Ada", locale: "en" });
    await actions.submitCode("123456");
    expect(state().status).toBe("signed_in");
  });

  it("signs up with the name and address that were typed", async () => {
    const { actions, browser, service, state } = open();
    await actions.start();
    actions.edit({ email: " ada@example.com ", displayName: "Ada" });
    const done = actions.signUpWithPasskey();
    await settle();
    expect(browser.prompt()).toBe("create");
    browser.pick();
    await done;
    expect(service.bodies[0]).toEqual({ email: "ada@example.com", displayName: "Ada" });
    expect(state().status).toBe("signed_in");
  });

  it("tells the browser about a passkey that the service does not know", async () => {
    const signalUnknownCredential = vi.fn(async () => undefined);
    vi.stubGlobal(
      "PublicKeyCredential",
      Object.assign(() => undefined, { signalUnknownCredential }),
    );
    const { actions, browser, service, state } = open();
    service.reply("/v1/passkeys/sign-in/verify", () => problem(400, "passkey_unknown", "new_attempt"));
    await actions.start();
    void actions.signInWithPasskey();
    await settle();
    browser.pick();
    await settle();
    expect(signalUnknownCredential).toHaveBeenCalledWith({ rpId: "app.example.com", credentialId: "credential-1" });
    expect(state()).toMatchObject({ status: "choosing", error: { code: "passkey_unknown" } });
    vi.unstubAllGlobals();
  });
});

it("begins anew, with empty fields, after a sign-out", async () => {
  const { actions, service, state } = open();
  service.reply("/v1/sign-out", () => new Response(null, { status: 204 }));
  await actions.start();
  actions.edit({ email: "ada@example.com" });
  await actions.sendEmail();
  await actions.submitCode("123456");
  await actions.start();
  expect(state().status).toBe("signed_in");
  await service.client.signOut();
  await actions.start();
  expect(state()).toMatchObject({ status: "choosing", input: { email: "" } });
});

describe("email", () => {
  it("keeps the code screen after a wrong code, and leaves it when the attempt is over", async () => {
    const { actions, service, state } = open();
    await actions.start();
    actions.edit({ email: "ada@example.com" });
    await actions.sendEmail();
    expect(state()).toMatchObject({ status: "awaiting_code", attemptId: "m1", codeLength: 6, mailsSent: 1 });
    await actions.submitCode("000000");
    expect(state()).toMatchObject({ status: "awaiting_code", isVerifying: false, error: { code: "wrong_code" } });
    service.reply("/v1/email/verify", () => problem(400, "attempt_expired", "new_attempt"));
    await actions.submitCode("000000");
    expect(state()).toMatchObject({
      status: "choosing",
      offersEmail: true,
      error: { code: "attempt_expired" },
      input: { email: "ada@example.com" },
    });
  });

  it("keeps the code that may still arrive when another mail cannot be sent", async () => {
    const { actions, service, state } = open();
    await actions.start();
    actions.edit({ email: "ada@example.com" });
    await actions.sendEmail();
    service.reply("/v1/email/start", () => problem(429, "rate_limited", "after_delay"));
    await actions.sendEmail();
    expect(state()).toMatchObject({ status: "awaiting_code", attemptId: "m1", error: { code: "rate_limited" } });
    await actions.submitCode("123456");
    expect(state().status).toBe("signed_in");
  });

  it("R067: a double submit sends one request", async () => {
    const { actions, service } = open();
    await actions.start();
    actions.edit({ email: "ada@example.com" });
    await Promise.all([actions.sendEmail(), actions.sendEmail()]);
    await Promise.all([actions.submitCode("123456"), actions.submitCode("123456")]);
    expect(service.seen.filter((path) => path.startsWith("/v1/email"))).toEqual([
      "/v1/email/start",
      "/v1/email/verify",
    ]);
  });

  it("an account that cannot sign in is the end of the way, not a loop", async () => {
    const { actions, service, state } = open();
    service.reply("/v1/email/start", () => problem(403, "account_unavailable"));
    await actions.start();
    actions.edit({ email: "ada@example.com" });
    await actions.sendEmail();
    expect(state()).toMatchObject({ status: "failed", error: { code: "account_unavailable" } });
    await actions.back();
    expect(state()).toMatchObject({ status: "choosing", error: null, input: { email: "ada@example.com" } });
  });

  it("an answer that comes after the person went back changes nothing", async () => {
    const { actions, service, state } = open();
    let answer: (response: Response) => void = () => undefined;
    service.reply("/v1/email/start", () => new Promise<Response>((resolve) => (answer = resolve)));
    await actions.start();
    actions.edit({ email: "ada@example.com" });
    const sending = actions.sendEmail();
    await settle();
    await actions.back();
    answer(Response.json({ attemptId: "m9", expiresInSeconds: 1, codeLength: 6 }));
    await sending;
    expect(state().status).toBe("choosing");
  });
});

const action = fc.oneof(
  fc.constantFrom("start", "signInWithPasskey", "signUpWithPasskey", "sendEmail", "back", "stop"),
  fc.constantFrom("pick", "refuse", "settle", "wrongCode", "rightCode", "die", "live"),
);

it("whatever the person, the browser and the service do: nothing typed is lost, one prompt at a time, no exception", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 30 }), fc.boolean(), async (steps, canAutofill) => {
      const { actions, browser, service, state, flow } = open({ canUse: true, canAutofill });
      const seen: string[] = [];
      flow.subscribe(() => seen.push(state().status));
      const pending: Promise<void>[] = [];
      actions.edit({ email: "ada@example.com", displayName: "Ada" });
      for (const step of steps) {
        if (step === "pick") browser.pick();
        else if (step === "refuse") browser.refuse();
        else if (step === "settle") await settle();
        else if (step === "wrongCode") pending.push(actions.submitCode("0"));
        else if (step === "rightCode") pending.push(actions.submitCode("123456"));
        else if (step === "die") service.cut("/v1/passkeys/sign-in/verify");
        else if (step === "live") service.reply("/v1/passkeys/sign-in/verify", signedInAs("ada"));
        else if (step === "stop") actions.stop();
        else if (step !== "start" || canAutofill) void actions[step as "back"]().then(() => undefined);
        expect(state().input).toEqual({ email: "ada@example.com", displayName: "Ada" });
        expect(browser.mostAtOnce).toBeLessThanOrEqual(1);
      }
      await settle();
      if (state().status === "signed_in") expect(service.client.session.get().user?.id).toBe("ada");
      // Signed in is the end: no later event leads away from it.
      const end = seen.indexOf("signed_in");
      if (end >= 0) expect(new Set(seen.slice(end))).toEqual(new Set(["signed_in"]));
      actions.stop();
      await settle();
      expect(browser.prompt()).toBeNull();
    }),
    { numRuns: 300, seed: 57 },
  );
}, 60_000);
