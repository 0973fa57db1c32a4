import type { Page } from "playwright-core";
import { describe, it } from "vitest";
import { useDevices } from "./devices.ts";
import { inspect } from "./inspect.ts";
import { askForMail, newestMail, signUpWithPasskey } from "./journeys.ts";
import { startQuickstart } from "./quickstart.ts";

const { device } = useDevices(startQuickstart);

describe.each([
  { name: "wide-light", width: 1280, dark: false },
  { name: "phone-light", width: 375, dark: false },
  { name: "phone-dark", width: 375, dark: true },
])("R064: $name", ({ name, width, dark }) => {
  it("every page passes axe and fits the screen", async () => {
    const { page } = await device({ width, dark });
    await check(page, `${name}-home`, "/");
    await check(page, `${name}-sign-in`, "/sign-in");
    await askForMail(page, `${name}@example.com`);
    await inspect(page, `${name}-code`);
    const { link } = await newestMail(page, `${name}@example.com`);
    await page.goto(link);
    await inspect(page, `${name}-link`);
    await signUpWithPasskey(page, `${name}-2@example.com`);
    await page.getByRole("button", { name: /^Remove / }).waitFor();
    await inspect(page, `${name}-account`);
    await check(page, `${name}-orders`, "/orders");
  });
});

describe("R064: keyboard only", () => {
  it("signs up and signs out without a pointer", async () => {
    const { page } = await device();
    await page.goto("/");
    await tabTo(page, "Sign in");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Sign in", exact: true, level: 2 }).first().waitFor();
    await tabTo(page, "New here? Create an account");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Create an account" }).waitFor();
    await tabTo(page, "Create account with a passkey");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Security" }).waitFor();
    await tabTo(page, "Sign out");
    await page.keyboard.press("Enter");
    await page.getByRole("navigation").getByRole("link", { name: "Sign in" }).waitFor();
  });

  it("signs in by a mailed code without a pointer; the focus goes to the code", async () => {
    const { page } = await device({ hasPasskeys: false });
    await page.goto("/sign-in");
    await page.getByLabel("Email", { exact: true }).focus();
    await page.keyboard.type("keyboard@example.com");
    await page.keyboard.press("Enter");
    await page.getByLabel("Code").waitFor();
    await page.keyboard.type((await newestMail(page, "keyboard@example.com")).code);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Security" }).waitFor();
  });
});

async function check(page: Page, picture: string, path: string): Promise<void> {
  await page.goto(path);
  await page
    .getByRole("heading", { level: 1 })
    .or(page.getByRole("heading", { level: 2 }))
    .first()
    .waitFor();
  await inspect(page, picture);
}

/** Presses Tab until the focused element has this name. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate("document.activeElement?.textContent?.trim() ?? ''");
    if (focused === name) return;
  }
  throw new Error(`The keyboard never reaches "${name}"`);
}
