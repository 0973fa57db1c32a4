import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { axeViolations } from "./axe.ts";
import { useDevices } from "./devices.ts";
import { askForMail, newestMail, signInByCode, signOut, signUpWithPasskey, typeCode } from "./journeys.ts";
import { startQuickstart } from "./quickstart.ts";

const { url, device } = useDevices(startQuickstart);

it("the development server hands out neither the database nor its secret", async () => {
  const folder = fileURLToPath(new URL("../../examples/quickstart/.segno/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}probe`, "canary");
  try {
    const paths = [
      "/.segno/probe",
      "/.segno/probe?raw",
      "/.segno/probe?import&raw",
      "/%2esegno/probe",
      `/@fs${folder}probe`,
    ];
    for (const path of paths) {
      const answer = await fetch(url() + path);
      expect([answer.status, (await answer.text()).includes("canary")], path).toEqual([403, false]);
    }
  } finally {
    rmSync(`${folder}probe`);
  }
});

it("the panel says what happened, and folds what the screen tells of itself", async () => {
  const { page } = await device();
  await askForMail(page, "panel@example.com");
  const { code } = await newestMail(page, "panel@example.com");
  await typeCode(page, code === "000000" ? "000001" : "000000");
  const panel = page.getByRole("list", { name: "Live events" });
  await panel.getByText("login.failure").first().waitFor();
  await panel.getByText("wrong_code").first().waitFor();
  await panel
    .getByText(/\d events of the sign-in screen/)
    .first()
    .click();
  await panel.getByText("ui.method_shown").first().waitFor();
  expect(await axeViolations(page)).toEqual([]);
});

describe("passkeys", () => {
  it("signs up, signs out and signs in again by the button", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "button@example.com");
    await signOut(page);
    // Without this the virtual authenticator would answer the autofill prompt before anybody could click.
    await page.route("**/v1/passkeys/sign-in/options", (route) => route.abort(), { times: 1 });
    await page.goto("/sign-in");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("heading", { name: "Security" }).waitFor();
    await expect.poll(() => page.getByRole("region", { name: "Passkeys" }).getByRole("listitem").count()).toBe(1);
  });

  it("signs in by autofill without any click", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "autofill@example.com");
    await signOut(page);
    await page.goto("/sign-in");
    await page.getByRole("heading", { name: "Security" }).waitFor();
    expect(page.url()).toContain("/account");
  });

  it("adds a second passkey, removes one, and keeps the last way to sign in", async () => {
    const { page, cdp } = await device();
    await signUpWithPasskey(page, "remove@example.com");
    const passkeys = page.getByRole("region", { name: "Passkeys" });
    await passkeys.getByRole("button", { name: /^Remove / }).click();
    await passkeys.getByText("This is your last way to sign in").waitFor();
    // Another authenticator, as another device would be.
    await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "usb",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await passkeys.getByRole("button", { name: "Add a passkey" }).click();
    await expect.poll(() => passkeys.getByRole("listitem").count()).toBe(2);
    await passkeys
      .getByRole("button", { name: /^Remove / })
      .first()
      .click();
    await expect.poll(() => passkeys.getByRole("listitem").count()).toBe(1);
  });

  it("R058: offers mail on the same screen when the passkey does not work, keeping what was typed", async () => {
    const { page, cdp } = await device({ hasPasskeys: false });
    await cdp.send("WebAuthn.enable");
    await page.route("**/v1/passkeys/**", (route) => route.abort());
    await page.goto("/sign-in");
    await page.getByLabel("Email", { exact: true }).fill("fallback@example.com");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("alert").filter({ hasText: "Problem" }).waitFor();
    expect(await page.getByLabel("Email", { exact: true }).inputValue()).toBe("fallback@example.com");
    await page.getByRole("button", { name: "Continue with email" }).click();
    await typeCode(page, (await newestMail(page, "fallback@example.com")).code);
    await page.getByRole("heading", { name: "Security" }).waitFor();
  });
});

describe("email", () => {
  it("signs in by code, and says what to do after a wrong one", async () => {
    const { page } = await device({ hasPasskeys: false });
    await askForMail(page, "code@example.com");
    const { code } = await newestMail(page, "code@example.com");
    await typeCode(page, code === "000000" ? "000001" : "000000");
    await page.getByText("That code is not right").waitFor();
    await typeCode(page, code);
    await page.getByRole("heading", { name: "Security" }).waitFor();
  });

  it("R057: signs in by link in the same browser; the link works once", async () => {
    const { page, context } = await device({ hasPasskeys: false });
    await askForMail(page, "link@example.com");
    const { link } = await newestMail(page, "link@example.com");
    const tab = await context.newPage();
    for (let prefetch = 0; prefetch < 5; prefetch += 1) await page.request.get(link);
    await tab.goto(link);
    await tab.getByRole("button").click();
    await tab.waitForURL((url) => !url.pathname.includes("/email/link"));
    await tab.getByRole("navigation").getByRole("link", { name: "Account" }).waitFor();
    await tab.goto(link);
    await tab.getByRole("button").click();
    await tab.getByText("expired").waitFor();
  });

  it("T-107: a link opened on another device shows the code to type and signs nobody in there", async () => {
    const here = await device({ hasPasskeys: false });
    const elsewhere = await device({ hasPasskeys: false });
    await askForMail(here.page, "elsewhere@example.com");
    const { code, link } = await newestMail(here.page, "elsewhere@example.com");
    await elsewhere.page.goto(link);
    expect(await axeViolations(elsewhere.page)).toEqual([]);
    await elsewhere.page.getByRole("button").click();
    await elsewhere.page.getByText(code).waitFor();
    const session = await elsewhere.page.request.get("/api/auth/v1/session");
    expect(await session.json()).toEqual({ session: null, user: null });
    await here.page.bringToFront();
    await typeCode(here.page, code);
    await here.page.getByRole("heading", { name: "Security" }).waitFor();
  });
});

describe("sessions and tokens", () => {
  it("calls a protected API with the access token", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "orders@example.com");
    await page.getByRole("navigation").getByRole("link", { name: "Orders" }).click();
    await page.getByRole("button", { name: "Load my orders" }).click();
    await page.getByText("The API accepted the access token").waitFor();
  });

  it("asks for one session per page load", async () => {
    const { page, requests } = await device();
    await signUpWithPasskey(page, "once@example.com");
    requests.length = 0;
    await page.goto("/");
    await page.getByText("You are signed in").waitFor();
    expect(requests.filter((request) => request === "GET /v1/session")).toHaveLength(1);
  });

  it("two tabs that need a token at once ask the server once", async () => {
    const { page, context } = await device();
    await signUpWithPasskey(page, "tabs@example.com");
    const second = await context.newPage();
    const asked: string[] = [];
    context.on("request", (request) => {
      if (request.url().endsWith("/v1/session/token")) asked.push(request.url());
    });
    await Promise.all([page.goto("/orders"), second.goto("/orders")]);
    await Promise.all([page, second].map((tab) => tab.getByRole("button", { name: "Load my orders" }).click()));
    await Promise.all([page, second].map((tab) => tab.getByText("The API accepted the access token").waitFor()));
    expect(asked).toHaveLength(1);
  });

  it("offline and back: nobody is signed out", async () => {
    const { page, context } = await device();
    await signUpWithPasskey(page, "offline@example.com");
    await page.goto("/orders");
    await page.getByRole("navigation").getByRole("link", { name: "Account" }).waitFor();
    await context.setOffline(true);
    await page
      .getByRole("button", { name: "Load my orders" })
      .click()
      .catch(() => undefined);
    await page.getByRole("navigation").getByRole("link", { name: "Account" }).waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Load my orders" }).click();
    await page.getByText("The API accepted the access token").waitFor();
  });

  it("a session revoked elsewhere ends here at the next request", async () => {
    const first = await device({ hasPasskeys: false });
    const second = await device({ hasPasskeys: false });
    await signInByCode(first.page, "revoked@example.com");
    await signInByCode(second.page, "revoked@example.com");
    await second.page.getByRole("button", { name: "Sign out everywhere else" }).click();
    await expect
      .poll(() => second.page.getByRole("region", { name: "Where you are signed in" }).getByRole("listitem").count())
      .toBe(1);
    await first.page.reload();
    await first.page.getByRole("navigation").getByRole("link", { name: "Sign in" }).waitFor();
  });

  it("R077: a sensitive action asks for the passkey again once it is old", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "stepup@example.com");
    await page.goto("/orders");
    await page.getByRole("button", { name: "+15 minutes" }).click();
    await page.getByText("15 minutes ahead").waitFor();
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByRole("button", { name: "Confirm with a passkey" }).click();
    await page.getByText("Paid, confirmed with your passkey.").waitFor();
  });

  it("rotates the signing key without disturbing anybody", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "rotate@example.com");
    await page.goto("/orders");
    await page.getByRole("button", { name: "Rotate the signing key now" }).click();
    await page.getByText("key.rotated").first().waitFor();
    await page.getByRole("button", { name: "Load my orders" }).click();
    await page.getByText("The API accepted the access token").waitFor();
  });
});
