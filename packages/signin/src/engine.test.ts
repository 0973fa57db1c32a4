import type { JsonObject } from "@segno/client";
import { createInMemoryClient, createTestSegno, type TestBrowser, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { addPasskey, createSignIn, createStepUp, listPasskeys, type PasskeyBrowser, removePasskey } from "./index.js";

let test: TestSegno;
beforeEach(async () => {
  test = await createTestSegno();
});
afterEach(() => test.close());

function passkeysOf({ authenticator }: TestBrowser): PasskeyBrowser {
  type Create = Parameters<typeof authenticator.create>[0];
  type Get = Parameters<typeof authenticator.get>[0];
  return {
    support: async () => ({ canUse: true, canAutofill: false }),
    create: async (publicKey: JsonObject) => ({ ...(await authenticator.create(publicKey as unknown as Create)) }),
    get: async (publicKey: JsonObject) => ({ ...(await authenticator.get(publicKey as unknown as Get)) }),
    cancel: () => undefined,
  };
}

it("signs up with a passkey, out, and in again", async () => {
  const { client, browser: device } = createInMemoryClient(test.segno);
  const flow = createSignIn(client, { browser: passkeysOf(device), autofill: false });
  await flow.actions.start();
  flow.actions.edit({ displayName: "Ada" });
  await flow.actions.signUpWithPasskey();
  expect(flow.getState()).toMatchObject({ status: "signed_in", isNewUser: true, user: { displayName: "Ada" } });
  await client.signOut();
  await flow.actions.start();
  await flow.actions.signInWithPasskey();
  expect(flow.getState()).toMatchObject({ status: "signed_in", isNewUser: false });
  expect(client.session.get().session?.acr).toBe("phr");
});

it("signs in by mail after a wrong code", async () => {
  const { client, browser: device } = createInMemoryClient(test.segno);
  const flow = createSignIn(client, { browser: passkeysOf(device), autofill: false });
  await flow.actions.start();
  flow.actions.edit({ email: "ada@example.com" });
  await flow.actions.sendEmail();
  const code = await test.mail.nextCode("ada@example.com");
  const wrong = code.replace(/^./, (first) => (first === "1" ? "2" : "1"));
  await flow.actions.submitCode(wrong);
  expect(flow.getState()).toMatchObject({ status: "awaiting_code", error: { code: "wrong_code" } });
  await flow.actions.submitCode(code);
  expect(flow.getState()).toMatchObject({ status: "signed_in", isNewUser: true });
});

it("adds, renames and removes passkeys, stepping up when the last proof is old", async () => {
  const { client, browser: device } = createInMemoryClient(test.segno);
  const browser = passkeysOf(device);
  const flow = createSignIn(client, { browser, autofill: false });
  await flow.actions.start();
  flow.actions.edit({ email: "ada@example.com" });
  await flow.actions.sendEmail();
  await flow.actions.submitCode(await test.mail.nextCode("ada@example.com"));
  const added = await addPasskey(client, { name: "Phone", browser });
  expect(added.data?.name).toBe("Phone");
  test.clock.advance({ minutes: 11 });
  const stepUp = createStepUp(client, { browser });
  const { data: list } = await listPasskeys(client);
  const phone = list?.passkeys[0];
  if (!list || !phone) throw new Error("no passkey was listed");
  expect((await removePasskey(client, phone, list.rpId)).error).toMatchObject({
    code: "insufficient_user_authentication",
    stepUp: { acr: "phr", maxAgeSeconds: 600 },
  });
  const removal = stepUp.actions.run(() => removePasskey(client, phone, list.rpId));
  while (stepUp.getState().status !== "required") await new Promise((resolve) => setImmediate(resolve));
  await stepUp.actions.confirmWithPasskey();
  expect((await removal).error).toBeNull();
  expect((await listPasskeys(client)).data?.passkeys).toEqual([]);
});

it("confirms by mail in the same session where the account has no passkey", async () => {
  const { client, browser: device } = createInMemoryClient(test.segno);
  const browser = passkeysOf(device);
  const flow = createSignIn(client, { browser, autofill: false });
  await flow.actions.start();
  flow.actions.edit({ email: "ada@example.com" });
  await flow.actions.sendEmail();
  await flow.actions.submitCode(await test.mail.nextCode("ada@example.com"));
  const before = client.session.get().session?.id;
  test.clock.advance({ minutes: 11 });
  const stepUp = createStepUp(client, { browser });
  const adding = stepUp.actions.run(() => addPasskey(client, { browser }));
  while (stepUp.getState().status !== "required") await new Promise((resolve) => setImmediate(resolve));
  expect(stepUp.getState()).toMatchObject({ methods: ["passkey", "email"] });
  await stepUp.actions.sendEmail();
  await stepUp.actions.submitCode(await test.mail.nextCode("ada@example.com"));
  expect((await adding).error).toBeNull();
  expect(client.session.get().session?.id).toBe(before);
  expect((await client.sessions.list()).data?.sessions).toHaveLength(1);
  expect(await test.eventsOf("session.created")).toHaveLength(1);
});

it.each([0, 11])(
  "T-105: a page that asks for a passkey gets one from an account that has none, last proved %i minutes ago",
  async (minutes) => {
    const { client, browser: device } = createInMemoryClient(test.segno);
    const browser = passkeysOf(device);
    const flow = createSignIn(client, { browser, autofill: false });
    await flow.actions.start();
    flow.actions.edit({ email: "ada@example.com" });
    await flow.actions.sendEmail();
    await flow.actions.submitCode(await test.mail.nextCode("ada@example.com"));
    const before = client.session.get().session?.id;
    test.clock.advance({ minutes });
    const stepUp = createStepUp(client, { browser });
    const asked = stepUp.actions.ask({ acr: "phr" });
    await stepUp.actions.confirmWithPasskey();
    expect(stepUp.getState()).toMatchObject({ status: "required", methods: ["new_passkey"], error: null });
    await stepUp.actions.confirmWithPasskey();
    if (minutes > 10) {
      expect((await listPasskeys(client)).data?.passkeys).toEqual([]);
      await stepUp.actions.submitCode(await test.mail.nextCode("ada@example.com"));
      expect(stepUp.getState()).toMatchObject({ status: "required", methods: ["new_passkey"], error: null });
      await stepUp.actions.confirmWithPasskey();
    }
    expect(stepUp.getState()).toMatchObject({ status: "required", methods: ["passkey"], error: null });
    await stepUp.actions.confirmWithPasskey();
    expect(await asked).toBe(true);
    expect(client.session.get().session).toMatchObject({ id: before, acr: "phr" });
    expect((await client.sessions.list()).data?.sessions).toHaveLength(1);
    expect(await test.eventsOf("session.created")).toHaveLength(1);
  },
);
