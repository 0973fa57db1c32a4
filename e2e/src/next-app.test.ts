import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { axeViolations } from "./axe.ts";
import { useDevices } from "./devices.ts";
import { askForMail, newestMail, signOut, signUpWithPasskey, typeCode } from "./journeys.ts";
import { readMailboxPage, startNextApp } from "./next-app.ts";

const signInThenAccount = "/sign-in?returnTo=%2Faccount";
const { url, device } = useDevices(startNextApp);

/** Somebody who signed in by mail and has a passkey since: a session that is weaker than the account. */
async function signInByMailAndAddPasskey(page: Page, email: string): Promise<void> {
  await askForMail(page, email, signInThenAccount);
  await typeCode(page, (await newestMail(page, email, readMailboxPage)).code);
  const passkeys = page.getByRole("region", { name: "Passkeys" });
  await passkeys.getByRole("button", { name: "Add a passkey" }).click();
  await passkeys.getByRole("listitem").waitFor();
}

describe("the Next app", () => {
  it("leads from a protected page through a passkey sign-up and back", async () => {
    const { page } = await device();
    await page.goto("/orders?from=mail");
    await page.waitForURL((url) => url.pathname === "/sign-in");
    await page.getByRole("button", { name: "New here? Create an account" }).click();
    await page.getByLabel("Email", { exact: true }).fill("back@example.com");
    await page.getByRole("button", { name: "Create account with a passkey" }).click();
    await page.getByRole("heading", { name: "Orders" }).waitFor();
    expect(page.url()).toBe(`${url()}/orders?from=mail`);
  });

  it("makes no session request on a page load, because the server gives the seed", async () => {
    const { page, requests } = await device();
    await signUpWithPasskey(page, "seed@example.com", signInThenAccount);
    requests.length = 0;
    for (const [path, heading] of [
      ["/", /Hello/],
      ["/orders", "Orders"],
      ["/account", "Account"],
    ] as const) {
      await page.goto(path);
      await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
      await page.getByRole("navigation").getByRole("button", { name: "Sign out" }).waitFor();
      await page.waitForLoadState("networkidle");
    }
    expect(requests.filter((request) => request === "GET /v1/session")).toEqual([]);
    expect(requests).toContain("GET /v1/sessions");
  });

  it("calls the API with an access token", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "token@example.com", signInThenAccount);
    await page.getByRole("navigation").getByRole("link", { name: "Orders" }).click();
    const [request] = await Promise.all([
      page.waitForRequest((sent) => sent.url().endsWith("/api/orders")),
      page.getByRole("button", { name: "Load my orders" }).click(),
    ]);
    expect(request.headers()["authorization"]).toMatch(/^Bearer ey/);
    await page.getByText("The API accepted the access token and sent 2 orders.").waitFor();
  });

  it("after a sign-out no page shows what was protected, not even by the back button", async () => {
    const { page } = await device();
    await signUpWithPasskey(page, "out@example.com", signInThenAccount);
    await signOut(page);
    await page.getByRole("heading", { name: "Hello" }).waitFor();
    await page.route("**/v1/passkeys/sign-in/options", (route) => route.abort());
    await page.goto("/account");
    await page.waitForURL((url) => url.pathname === "/sign-in");
    expect(await page.getByText("Signed in with assurance").count()).toBe(0);
    await page.goBack();
    await page.getByRole("navigation").getByRole("link", { name: "Sign in" }).waitFor();
    expect(await page.getByText("Signed in with assurance").count()).toBe(0);
  });

  it("R077: a page that asks for a passkey leads through a step-up of the same session and back", async () => {
    const { page, requests } = await device();
    await signInByMailAndAddPasskey(page, "stepup@example.com");
    await page.goto("/payments");
    await page.waitForURL((url) => url.pathname === "/sign-in" && url.searchParams.get("acr_values") === "phr");
    const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
    expect(await axeViolations(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Confirm that it is you" }).click();
    await dialog.getByRole("button", { name: "Confirm with a passkey" }).click();
    await page.getByText("Confirmed with assurance phr").waitFor();
    expect(page.url()).toBe(`${url()}/payments`);
    expect(requests).not.toContain("POST /v1/passkeys/sign-in/verify");
    await page.goto("/account");
    const sessions = page.getByRole("region", { name: "Where you are signed in" });
    await sessions.getByRole("listitem").first().waitFor();
    expect(await sessions.getByRole("listitem").count()).toBe(1);
  });

  it("R077: a page that asks for a passkey gives one to an account that has none", async () => {
    const { page } = await device();
    await askForMail(page, "first@example.com", signInThenAccount);
    await typeCode(page, (await newestMail(page, "first@example.com", readMailboxPage)).code);
    await page.getByRole("region", { name: "Passkeys" }).waitFor();
    await page.goto("/payments");
    const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
    await dialog.getByRole("button", { name: "Confirm with a passkey" }).click();
    await dialog.getByText("your account has none yet").waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Add a passkey" }).click();
    await dialog.getByRole("button", { name: "Confirm with a passkey" }).click();
    await page.getByText("Confirmed with assurance phr").waitFor();
    expect(page.url()).toBe(`${url()}/payments`);
  });

  it("R077: an API that asks for a passkey gets its answer after the step-up, and the focus comes back", async () => {
    const { page } = await device();
    await signInByMailAndAddPasskey(page, "pay@example.com");
    await page.goto("/orders");
    const pay = page.getByRole("button", { name: /^Pay/ });
    await pay.click();
    const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Not paid").waitFor();
    expect(await pay.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
    await pay.click();
    await dialog.getByRole("button", { name: "Confirm with a passkey" }).click();
    await page.getByText("Paid, confirmed with your passkey.").waitFor();
  });

  it.each([
    { name: "wide-light", width: 1280, dark: false },
    { name: "phone-dark", width: 375, dark: true },
  ])("R064: every page passes axe and fits the screen: $name", async ({ name, width, dark }) => {
    const { page } = await device({ width, dark });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    const inspect = async (path: string) => {
      await page.goto(path);
      await page.waitForLoadState("networkidle");
      expect(await axeViolations(page), path).toEqual([]);
      const isTooWide = await page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth",
      );
      expect(isTooWide, path).toBe(false);
    };
    for (const path of ["/", "/sign-in", "/mailbox"]) await inspect(path);
    await signUpWithPasskey(page, `${name}@example.com`, signInThenAccount);
    for (const path of ["/", "/orders", "/account", "/payments"]) await inspect(path);
    expect(errors).toEqual([]);
  });
});
