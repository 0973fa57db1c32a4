// Ten sign-ins by a script, and the funnel that must say of them what the script did.
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { Device } from "./browser.ts";
import { useDevices } from "./devices.ts";
import { askForMail, typeCode } from "./journeys.ts";
import { startWatchedApp } from "./watched-app.ts";
import { forgetSession, guess, isSignedIn, mailOf, signInByMail, signUp } from "./watched-journeys.ts";

const { app, device } = useDevices(startWatchedApp);

const noAutofill = (page: Page) => page.route("**/v1/passkeys/sign-in/options", (route) => route.abort(), { times: 1 });
const pressPasskey = (page: Page) => page.getByRole("button", { name: "Sign in with a passkey" }).click();

async function passkeyDevice(email: string): Promise<Device> {
  const opened = await device();
  await signUp(opened.page, email);
  await forgetSession(opened.page);
  return opened;
}

async function openLink(email: string): Promise<void> {
  const { page, context } = await device();
  await askForMail(page, email, "/");
  const tab = await context.newPage();
  await tab.goto((await mailOf(app(), page, email)).link);
  await tab.getByRole("button").click();
  await isSignedIn(tab);
  // the tab that waited learns of it when somebody looks at it
  await page.bringToFront();
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await isSignedIn(page);
}

it("R031: ten scripted sign-ins: the funnel counts what the script did", async () => {
  const ada = await passkeyDevice("ada@example.com"); // 1: sign-up by passkey
  await ada.page.goto("/"); // 2: autofill, without a click
  await isSignedIn(ada.page);
  await forgetSession(ada.page);
  await noAutofill(ada.page);
  await ada.page.goto("/"); // 3: passkey by button
  await pressPasskey(ada.page);
  await isSignedIn(ada.page);

  const phone = await device({ width: 375, hasPasskeys: false });
  await signInByMail(app(), phone.page, "bea@example.com"); // 4: code
  await openLink("cem@example.com"); // 5: link

  const dan = await device();
  await askForMail(dan.page, "dan@example.com", "/"); // 6: a wrong code, then the right one
  const { code } = await mailOf(app(), dan.page, "dan@example.com");
  await guess(dan.page, code, 1);
  await typeCode(dan.page, code);
  await isSignedIn(dan.page);

  const eva = await device();
  await askForMail(eva.page, "eva@example.com", "/"); // 7: asks for mail and leaves
  await forgetSession(eva.page);

  await forgetSession(ada.page);
  const { authenticatorId } = ada;
  await ada.cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await noAutofill(ada.page);
  await ada.page.goto("/"); // 8: does not confirm the passkey, then a code
  await pressPasskey(ada.page);
  await ada.page.getByRole("alert").filter({ hasText: "Problem" }).waitFor();
  await ada.page.getByLabel("Email", { exact: true }).fill("fay@example.com");
  await ada.page.getByRole("button", { name: "Continue with email" }).click();
  await typeCode(ada.page, (await mailOf(app(), ada.page, "fay@example.com")).code);
  await isSignedIn(ada.page);

  const gil = await device();
  await gil.page.goto("/"); // 9: looks and leaves
  await gil.page.getByRole("button", { name: "Continue with email" }).waitFor();
  await forgetSession(gil.page);

  const hal = await device();
  await askForMail(hal.page, "hal@example.com", "/"); // 10: guesses until no guess is left, and leaves
  await guess(hal.page, (await mailOf(app(), hal.page, "hal@example.com")).code, 6);
  await hal.page.getByRole("button", { name: "Continue with email" }).waitFor();
  await forgetSession(hal.page);

  await expect.poll(async () => (await app().segno.api.funnel()).rows[0]?.screens.left).toBe(3);
  app().skip(11);
  const { rows, unknownShare } = await app().segno.api.funnel();
  expect(rows).toMatchObject([
    {
      started: 10,
      completed: 7,
      abandoned: 3,
      open: 0,
      completion: 0.7,
      abandonment: 0.3,
      methods: { passkey: 3, email_code: 3, email_link: 1 },
      failures: { wrong_code: 1 + 5, rate_limited: 1 },
      screens: { exposed: 10, begun: 9, done: 7, left: 3, failures: { user_cancelled: 1 } },
    },
  ]);
  expect(unknownShare).toBe(0);
  const byMethod = await app().segno.api.funnel({ by: "method" });
  expect(byMethod.rows.map(({ group, started, completed, screens }) => [group, started, completed, screens])).toEqual([
    ["email", 6, 4, expect.objectContaining({ exposed: 5, done: 3, left: 2 })],
    ["none", 0, 0, expect.objectContaining({ exposed: 1, done: 0, left: 1 })],
    ["passkey", 4, 3, expect.objectContaining({ exposed: 4, done: 4, left: 0 })],
  ]);
});
