// What the sign-in screen tells of itself, in a real browser: what arrives, and that nobody waits for it.
import type { SegnoEvent } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { useDevices } from "./devices.ts";
import { askForMail, typeCode } from "./journeys.ts";
import { startWatchedApp } from "./watched-app.ts";
import { forgetSession, guess, isSignedIn, mailOf, signInByMail, signUp } from "./watched-journeys.ts";

const { app, device } = useDevices(startWatchedApp);
let from = 0;
beforeEach(() => {
  from = app().events.length;
});
// a page that is closed tells of it
afterEach(() => new Promise((resolve) => setTimeout(resolve, 100)));

const told = (): SegnoEvent[] =>
  app()
    .events.slice(from)
    .filter(({ type }) => type.startsWith("ui."));
const lines = (): string[] =>
  told().map(({ type, data }) => {
    const { method, reason } = data as { method?: string; reason?: string };
    return [type, method, reason].filter((part) => part !== undefined).join(" ");
  });

describe("R031: a screen tells", () => {
  it("what it shows, what is begun and how it ends, under one name", async () => {
    const { page } = await device();
    await signInByMail(app(), page, "told@example.com");
    await expect
      .poll(lines)
      .toEqual([
        "ui.exposed",
        "ui.method_shown passkey",
        "ui.method_shown email_code",
        "ui.ceremony_started email_code",
        "ui.ceremony_ended email_code",
      ]);
    expect(new Set(told().map(({ data }) => "flow" in data && data.flow)).size).toBe(1);
    const ended = told().find(({ type }) => type === "ui.ceremony_ended");
    expect(ended).toMatchObject({ outcome: "success", deviceClass: "desktop" });
  });

  it("the end of a sign-in also where the page goes elsewhere at once", async () => {
    const { page } = await device();
    await askForMail(page, "elsewhere@example.com", "/?next=elsewhere");
    await typeCode(page, (await mailOf(app(), page, "elsewhere@example.com")).code);
    await page.waitForURL("**/elsewhere");
    await expect.poll(lines).toContain("ui.ceremony_ended email_code");
    expect(lines()).not.toContain("ui.abandoned email_code");
  });

  it("why a passkey prompt ended, and what was tried then", async () => {
    const { page, cdp, authenticatorId } = await device();
    await signUp(page, "why@example.com");
    await forgetSession(page);
    await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
    await page.route("**/v1/passkeys/sign-in/options", (route) => route.abort(), { times: 1 });
    await expect.poll(lines).toHaveLength(5);
    from = app().events.length;
    await page.goto("/");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("alert").filter({ hasText: "Problem" }).waitFor();
    await page.getByLabel("Email", { exact: true }).fill("why@example.com");
    await page.getByRole("button", { name: "Continue with email" }).click();
    await typeCode(page, (await mailOf(app(), page, "why@example.com")).code);
    await isSignedIn(page);
    await expect
      .poll(lines)
      .toEqual([
        "ui.exposed",
        "ui.method_shown passkey",
        "ui.method_shown email_code",
        "ui.ceremony_started passkey",
        "ui.ceremony_ended passkey passkey_cancelled",
        "ui.ceremony_started email_code",
        "ui.ceremony_ended email_code",
      ]);
  });

  it("that it was left, by a beacon, when the page goes away", async () => {
    const { page } = await device();
    // what arrives now was no fetch
    await page.addInitScript(`const { fetch } = window;
      window.fetch = (input, init) => String(input).endsWith("/v1/events") ? Promise.reject(new TypeError()) : fetch(input, init)`);
    await askForMail(page, "left@example.com", "/");
    await page.goto("about:blank");
    await expect.poll(lines).toContain("ui.abandoned email_code");
    const last = told().at(-1);
    expect(last?.type === "ui.abandoned" && last.data.durationMs).toBeGreaterThan(0);
  });
});

describe("R031: a sign-in goes on", () => {
  const blocked = "**/api/auth/v1/events";

  it("where reports are blocked; nothing is tried again", async () => {
    const { page, requests } = await device();
    await page.route(blocked, (route) => route.abort());
    await signInByMail(app(), page, "blocked@example.com");
    await page.waitForTimeout(3000);
    expect(requests.filter((request) => request === "POST /v1/events").length).toBeLessThanOrEqual(2);
    expect(await page.getByRole("alert").filter({ hasText: "Problem" }).count()).toBe(0);
    expect(lines()).toEqual([]);
  });

  it.each([429, 500])("where reports are answered with %i", async (status) => {
    const { page, requests } = await device();
    await page.route(blocked, (route) => route.fulfill({ status, body: "no" }));
    await signInByMail(app(), page, `answered-${status}@example.com`);
    await page.waitForTimeout(3000);
    expect(requests.filter((request) => request === "POST /v1/events").length).toBeLessThanOrEqual(2);
  });

  it("where a report is never answered", async () => {
    const { page } = await device();
    await page.route(blocked, () => undefined);
    await askForMail(page, "hanging@example.com", "/");
    await page.waitForTimeout(1500);
    await typeCode(page, (await mailOf(app(), page, "hanging@example.com")).code);
    await isSignedIn(page);
  });

  it("where the browser refuses beacons: the report goes by fetch and outlives the page", async () => {
    const { page } = await device();
    await page.addInitScript("navigator.sendBeacon = () => false");
    await page.goto("/");
    await page.getByRole("button", { name: "Continue with email" }).waitFor();
    await page.goto("about:blank");
    await expect.poll(lines).toContain("ui.abandoned");
  });

  it("offline and back: what was typed stays, the next click works", async () => {
    const { page, context } = await device();
    await page.goto("/");
    await page.getByLabel("Email", { exact: true }).fill("offline@example.com");
    await context.setOffline(true);
    await page.getByRole("button", { name: "Continue with email" }).click();
    await page.getByRole("alert").filter({ hasText: "cannot be reached" }).waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Continue with email" }).click();
    await typeCode(page, (await mailOf(app(), page, "offline@example.com")).code);
    await isSignedIn(page);
    await expect.poll(lines).toContain("ui.ceremony_ended email_code network");
    await expect.poll(lines).toContain("ui.ceremony_ended email_code");
  });

  it("a wrong code begins nothing anew; too many end it", async () => {
    const { page } = await device();
    await askForMail(page, "wrong@example.com", "/");
    await guess(page, (await mailOf(app(), page, "wrong@example.com")).code, 6);
    await page.getByRole("button", { name: "Continue with email" }).waitFor();
    await expect.poll(lines).toContain("ui.ceremony_ended email_code attempt_expired");
    expect(lines().filter((line) => line.startsWith("ui.ceremony_started"))).toHaveLength(1);
  });
});
