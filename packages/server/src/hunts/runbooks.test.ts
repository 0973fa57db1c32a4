import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { hunts } from "./run-hunts.js";

it.each(hunts.map(({ name, runbook }) => [name, runbook]))("%s has its runbook, %s", (_name, runbook) => {
  expect(existsSync(new URL(`../../../../docs/runbooks/${runbook}.md`, import.meta.url))).toBe(true);
});
