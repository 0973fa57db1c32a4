import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { axeViolations } from "./axe.ts";

const pictures = fileURLToPath(new URL("../screenshots/", import.meta.url));

/** Takes a picture, and holds that axe finds nothing and that nothing is wider than the screen. */
export async function inspect(page: Page, picture: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}${picture}.png`, fullPage: true });
  expect(await axeViolations(page)).toEqual([]);
  const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  expect(overflow).toBeLessThanOrEqual(0);
}
