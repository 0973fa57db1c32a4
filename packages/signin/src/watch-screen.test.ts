// What the screens tell of themselves, and that no sign-in depends on it.
import type { UiEvent } from "@segno/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createBrowserDouble, createServiceTable, settle } from "./browser.double.js";
import { createSignIn } from "./create-sign-in.js";

function open(support = { canUse: true, canAutofill: false }) {
  const browser = createBrowserDouble(support);
  const service = createServiceTable();
  const told: (UiEvent & { isLast?: boolean })[] = [];
  const client = {
    ...service.client,
    report: (event: UiEvent, isLast = false) => void told.push({ ...event, ...(isLast ? { isLast } : {}) }),
  };
  const flow = createSignIn(client, { browser: browser.browser, locale: "en" });
  const lines = () =>
    told.map((event) => {
      const { type, surface: _surface, flow: _flow, ...rest } = event;
      const { durationMs: _duration, ...facts } = { durationMs: 0, ...rest };
      return [type.replace("ui.", ""), ...Object.values(facts)].join(" ");
    });
  return { browser, service, client, flow, actions: flow.actions, told, lines };
}

describe("R031: the sign-in screen tells, without a line of the application's", () => {
  it("what was shown, begun and ended, under one name for each showing", async () => {
    const { actions, browser, told, lines } = open();
    await actions.start();
    void actions.signInWithPasskey();
    await settle();
    browser.refuse();
    await settle();
    void actions.signInWithPasskey();
    await settle();
    browser.pick();
    await settle();
    expect(lines()).toEqual([
      "exposed true",
      "method_shown passkey",
      "method_shown email_code",
      "ceremony_started passkey",
      "ceremony_ended passkey passkey_cancelled",
      "ceremony_started passkey",
      "ceremony_ended passkey true",
    ]);
    expect(new Set(told.map(({ flow }) => flow)).size).toBe(1);
    for (const { flow, surface } of told) {
      expect(flow).toMatch(/^[0-9a-v]{22}$/);
      expect(surface).toBe("sign_in");
    }
  });

  it("that the person went back, and left with something under way", async () => {
    const { actions, lines } = open({ canUse: false, canAutofill: false });
    await actions.start();
    actions.edit({ email: "ada@example.com" });
    await actions.sendEmail();
    await actions.back();
    await actions.sendEmail();
    actions.stop();
    expect(lines()).toEqual([
      "exposed false",
      "method_shown email_code",
      "ceremony_started email_code",
      "ceremony_ended email_code user_cancelled",
      "ceremony_started email_code",
      "abandoned email_code true",
    ]);
    expect(JSON.stringify(lines())).not.toContain("ada");
  });

  it("that somebody is signed in whose screen the app took away in the same moment", async () => {
    const { actions, client, lines } = open({ canUse: false, canAutofill: false });
    await actions.start();
    const stop = client.session.subscribe(() => actions.stop());
    actions.edit({ email: "ada@example.com" });
    await actions.sendEmail();
    await actions.submitCode("123456");
    stop();
    expect(client.session.get().status).toBe("signed_in");
    expect(lines()).toEqual([
      "exposed false",
      "method_shown email_code",
      "ceremony_started email_code",
      "ceremony_ended email_code true",
    ]);
  });

  it("that the page went away, once", async () => {
    const listeners = new Map<string, () => void>();
    vi.stubGlobal("addEventListener", (name: string, listener: () => void) => listeners.set(name, listener));
    vi.stubGlobal("removeEventListener", (name: string) => listeners.delete(name));
    const { actions, lines } = open();
    await actions.start();
    listeners.get("pagehide")?.();
    expect(listeners.size).toBe(0);
    actions.stop();
    expect(lines()).toEqual(["exposed true", "method_shown passkey", "method_shown email_code", "abandoned true"]);
    vi.unstubAllGlobals();
  });
});

describe("R031: a report", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const event = { type: "ui.exposed", flow: "A".repeat(22), surface: "sign_in", canUsePasskey: true } as const;

  it("is one request for what comes together; its failure is nobody's", async () => {
    const { service } = open();
    service.cut("/v1/events");
    for (let index = 0; index < 5; index += 1) service.client.report(event);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(service.seen).toEqual(["/v1/events"]);
    expect(service.bodies[0]).toEqual({ events: Array.from({ length: 5 }, () => event) });
  });

  it("goes by beacon when the page goes away, and by fetch where there is none or it is refused", async () => {
    const { service } = open();
    const sent: string[] = [];
    vi.stubGlobal("navigator", { sendBeacon: (url: string) => sent.push(url) < 2 });
    service.client.report(event, true);
    expect(sent).toEqual(["https://app.example.com/api/auth/v1/events"]);
    service.client.report(event, true);
    await vi.advanceTimersByTimeAsync(1);
    expect(service.seen).toEqual(["/v1/events"]);
  });
});
