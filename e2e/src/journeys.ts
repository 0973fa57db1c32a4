import type { Page } from "playwright-core";

/** The words a person reads. The same steps that somebody in front of the page would take. */
export async function signUpWithPasskey(page: Page, email: string, at = "/sign-in"): Promise<void> {
  await page.goto(at);
  await page.getByRole("button", { name: "New here? Create an account" }).click();
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByRole("button", { name: "Create account with a passkey" }).click();
  await page.getByRole("heading", { name: "Security" }).waitFor();
}

export async function signOut(page: Page): Promise<void> {
  await page.getByRole("navigation").getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("navigation").getByRole("link", { name: "Sign in" }).waitFor();
}

export async function askForMail(page: Page, email: string, at = "/sign-in"): Promise<void> {
  await page.goto(at);
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByRole("button", { name: "Continue with email" }).click();
  await page.getByLabel("Code").waitFor();
}

export interface Mail {
  readonly code: string;
  readonly link: string;
}

export interface SentMail {
  readonly to: string;
  readonly text: string;
}

/** Reads an app's development mailbox, oldest mail first. */
export type Mailbox = (page: Page) => Promise<readonly SentMail[]>;

/** The quickstart tells its mail to the development panel. */
const panelMailbox: Mailbox = async (page) => {
  const response = await page.request.get("/development/state");
  const { mail }: { mail: SentMail[] } = await response.json();
  return mail;
};

/** The newest mail of the development mailbox, once it tells a code. */
export async function newestMail(page: Page, to: string, mailbox: Mailbox = panelMailbox): Promise<Mail> {
  for (let look = 0; look < 100; look += 1) {
    const text = (await mailbox(page)).findLast((message) => message.to === to)?.text ?? "";
    const code = /\b(\d{6})\b/.exec(text)?.[1];
    const link = /(http:\/\/\S+\/v1\/email\/link\S+)/.exec(text)?.[1];
    if (code !== undefined && link !== undefined) return { code, link };
    await page.waitForTimeout(50);
  }
  throw new Error(`No mail with a code and a link for ${to}`);
}

export async function typeCode(page: Page, code: string): Promise<void> {
  await page.getByLabel("Code").fill(code);
  await page.getByRole("button", { name: "Continue", exact: true }).click();
}

export async function signInByCode(page: Page, email: string): Promise<void> {
  await askForMail(page, email);
  await typeCode(page, (await newestMail(page, email)).code);
  await page.getByRole("heading", { name: "Security" }).waitFor();
}
