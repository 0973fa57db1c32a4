import type { Page } from "playwright-core";
import { askForMail, type Mail, newestMail, typeCode } from "./journeys.ts";
import type { WatchedApp } from "./watched-app.ts";

/** The steps of a person in front of the watched app, which says "You are …" once somebody is signed in. */
export async function isSignedIn(page: Page): Promise<void> {
  await page.getByText(/^You are /).waitFor();
}

export async function signUp(page: Page, email: string): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "New here? Create an account" }).click();
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByRole("button", { name: "Create account with a passkey" }).click();
  await isSignedIn(page);
}

export const mailOf = (app: WatchedApp, page: Page, email: string): Promise<Mail> =>
  newestMail(page, email, app.mailbox);

export async function signInByMail(app: WatchedApp, page: Page, email: string, at = "/"): Promise<void> {
  await askForMail(page, email, at);
  await typeCode(page, (await mailOf(app, page, email)).code);
  await isSignedIn(page);
}

/** Somebody else at this browser: its cookies are gone, its passkeys are not. */
export async function forgetSession(page: Page): Promise<void> {
  await page.goto("about:blank");
  await page.context().clearCookies();
}

/** Types codes that are wrong. */
export async function guess(page: Page, code: string, times: number): Promise<void> {
  for (let index = 0; index < times; index += 1) {
    await Promise.all([page.waitForResponse("**/v1/email/verify"), typeCode(page, wrongCode(code, index))]);
    await isSettled(page);
  }
}

/** The page has read the answer: a button that is busy takes no second click. */
export async function isSettled(page: Page): Promise<void> {
  await page.locator('form [aria-disabled="true"]').waitFor({ state: "detached" });
}

function wrongCode(code: string, index: number): string {
  return String((Number(code) + index + 1) % 1_000_000).padStart(6, "0");
}
