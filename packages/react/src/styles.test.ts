import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const css = readFileSync(new URL("../styles.css", import.meta.url), "utf8");

function palette(block: string): Map<string, string> {
  return new Map(
    [...block.matchAll(/--segno-([\w-]+): (#[0-9a-f]{6})/g)].map(([, name = "", colour = ""]) => [name, colour]),
  );
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((start) => Number.parseInt(colour.slice(start, start + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(colours: Map<string, string>, one: string, other: string): number {
  const [light = 0, dark = 0] = [one, other].map((name) => luminance(colours.get(name) ?? "")).sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const [light = "", dark = ""] = css.split("@media (prefers-color-scheme: dark)");

it.each([
  ["light", palette(light)],
  ["dark", palette(dark.slice(0, dark.indexOf(":where([data-segno]) {\n  color-scheme")))],
])("R064: %s colours reach WCAG 2.2 AA (1.4.3 and 1.4.11)", (_name, colours) => {
  expect(colours.size).toBe(7);
  for (const text of ["text", "muted", "accent", "danger"])
    expect(contrast(colours, text, "surface")).toBeGreaterThanOrEqual(4.5);
  expect(contrast(colours, "on-accent", "accent")).toBeGreaterThanOrEqual(4.5);
  expect(contrast(colours, "border", "surface")).toBeGreaterThanOrEqual(3);
});

it("knows no left and right, so that it reads from either side", () => {
  expect(css).not.toMatch(/\b(left|right|margin-top|padding-left|text-align: (left|right))\b/);
});
