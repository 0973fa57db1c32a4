// What a person can read to support on each screen of an error, and what support finds by it.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceOptions } from "./browser.ts";
import { useDevices } from "./devices.ts";
import { inspect } from "./inspect.ts";
import { startWatchedApp } from "./watched-app.ts";
import { isSettled, isSignedIn, mailOf } from "./watched-journeys.ts";

const { app, device } = useDevices(startWatchedApp);
afterEach(async () => {
  await app().up();
});

const words = {
  en: { query: "/", mail: "Email", ask: "Continue with email", again: "Send another mail", go: "Continue" },
  de: {
    query: "/?language=de",
    mail: "E-Mail",
    ask: "Weiter mit E-Mail",
    again: "Noch eine E-Mail senden",
    go: "Weiter",
  },
} as const;
type Words = (typeof words)[keyof typeof words];

/** The code that the screen shows, once it shows one. */
async function shownCode(page: Page): Promise<string> {
  const text = await page.locator('[data-part="support-code"]').textContent();
  return /[0-9A-Z]{4}-[0-9A-Z]{4}/.exec(text ?? "")?.[0] ?? "";
}

async function ask(page: Page, email: string, { query, mail, ask: button }: Words): Promise<void> {
  await page.goto(query);
  await page.getByLabel(mail, { exact: true }).fill(email);
  await page.getByRole("button", { name: button }).click();
  await page.getByLabel("Code").waitFor();
}

async function tryCode(page: Page, code: string, { go }: Words): Promise<void> {
  await page.getByLabel("Code").fill(code);
  await page.getByRole("button", { name: go, exact: true }).click();
}

/** Six mails in a row are one too many. */
async function rateLimited(page: Page, email: string, said: Words): Promise<void> {
  await ask(page, email, said);
  for (let mails = 0; mails < 5; mails += 1) {
    await Promise.all([
      page.waitForResponse("**/v1/email/start"),
      page.getByRole("button", { name: said.again }).click(),
    ]);
    await isSettled(page);
  }
}

async function tooManyGuesses(page: Page, email: string, said: Words): Promise<void> {
  await ask(page, email, said);
  const mail = (await app().mailbox(page)).findLast(({ to }) => to === email);
  const right = Number(/\b(\d{6})\b/.exec(mail?.text ?? "")?.[1]);
  for (let tries = 1; tries <= 6; tries += 1) {
    const wrong = String((right + tries) % 1_000_000).padStart(6, "0");
    await Promise.all([page.waitForResponse("**/v1/email/verify"), tryCode(page, wrong, said)]);
    await isSettled(page);
  }
  await page.getByRole("button", { name: said.ask }).waitFor();
}

async function serverDown(page: Page, email: string, said: Words): Promise<void> {
  await ask(page, email, said);
  await app().down();
  await tryCode(page, "000000", said);
}

/** A proxy answers in place of the service. */
async function behindProxy(page: Page, email: string, said: Words): Promise<void> {
  await ask(page, email, said);
  await page.route("**/v1/email/verify", (route) => route.fulfill({ status: 502, body: "<h1>Bad Gateway</h1>" }));
  await tryCode(page, "000000", said);
}

const screens = [
  { name: "rate-limited", lead: rateLimited, reason: "rate_limited" },
  { name: "too-many-guesses", lead: tooManyGuesses, reason: "too_many_tries" },
  { name: "server-down", lead: serverDown, reason: undefined },
  { name: "behind-proxy", lead: behindProxy, reason: undefined },
];

describe("R042: support finds by the code what the person saw", () => {
  it.each(screens)("$name", async ({ name, lead, reason }) => {
    const { page } = await device();
    await lead(page, `${name}@example.com`, words.en);
    const code = await shownCode(page);
    await app().up();

    await expect.poll(async () => (await app().segno.api.findBySupportCode(code)).length).toBe(1);
    const [found] = await app().segno.api.findBySupportCode(code);
    const started = found?.events.find(({ type }) => type === "attempt.started");
    expect(started).toBeDefined();
    if (reason !== undefined) {
      const own = found?.events.filter(({ requestId }) => requestId === found.requestId) ?? [];
      expect(own.map(({ type, data }) => [type, "reason" in data && data.reason])).toContainEqual([
        "login.failure",
        reason,
      ]);
    }
    const printed = await support(code);
    expect(printed).toContain(`request ${found?.requestId}`);
    expect(printed).toContain(`trace ${found?.traceId}`);
    expect(printed).toContain("attempt.started");
    if (reason !== undefined) expect(printed).toContain(reason);
    expect(printed).not.toContain("@example.com");
  });
});

describe.each([
  { look: "wide-light", options: {}, language: "en" },
  { look: "phone-light-german", options: { width: 375 }, language: "de" },
  { look: "phone-dark", options: { width: 375, dark: true }, language: "en" },
] satisfies { look: string; options: Partial<DeviceOptions>; language: keyof typeof words }[])(
  "R064: error screens, $look",
  ({ look, options, language }) => {
    // one address asks for more mails here than it may in ten minutes
    beforeEach(() => app().skip(11));
    it.each(screens)(
      "$name passes axe, fits the screen and has the focus on what comes next",
      async ({ name, lead }) => {
        const { page } = await device(options);
        await lead(page, `${name}-${look}@example.com`, words[language]);
        expect(await shownCode(page)).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
        await inspect(page, `error-${name}-${look}`);
        const alert = page.getByRole("alert").filter({ hasText: "Problem:" });
        expect(await alert.count()).toBe(1);
        // the next thing to do has the focus, or is one key away
        const focused: string = await page.evaluate("document.activeElement?.tagName ?? ''");
        expect(["INPUT", "BUTTON"]).toContain(focused);
      },
    );
  },
);

it("R064: the way on from an error needs no pointer: what was typed is selected, and the next code replaces it", async () => {
  const { page } = await device();
  await ask(page, "keyboard@example.com", words.en);
  await app().down();
  await page.keyboard.type("000000");
  await page.keyboard.press("Enter");
  expect(await shownCode(page)).not.toBe("");
  await app().up();
  await isSettled(page);
  await page.keyboard.type((await mailOf(app(), page, "keyboard@example.com")).code);
  await page.keyboard.press("Enter");
  await isSignedIn(page);
});

async function support(code: string): Promise<string> {
  const { baseUrl, database, secret } = app().settings;
  const bin = fileURLToPath(new URL("../node_modules/@segno/cli/dist/bin.js", import.meta.url));
  const config = fileURLToPath(new URL("../watched-app/segno.ts", import.meta.url));
  const env = { ...process.env, WATCHED_URL: baseUrl, WATCHED_DATABASE: database, WATCHED_SECRET: secret };
  const { stdout } = await promisify(execFile)(process.execPath, [bin, "support", code, "--config", config], { env });
  return stdout;
}
