import type { KeyringHealth } from "@segno/server";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

/** Whether every live key opens, and whether a spare is ready. */
export function checkKeys(keys: KeyringHealth | null): readonly Finding[] {
  if (keys === null) return [];
  if (keys.keys.length === 0) {
    return [
      warn("keys", "there are none yet", {
        fix: "Nothing to do: the first start of the engine makes a signing key and a spare",
        docs: pages.keys,
      }),
    ];
  }
  const closed = keys.keys.filter(({ opens, state }) => !opens && state !== "verify_only");
  if (closed.length > 0) {
    const names = closed.map(({ kid, state }) => `${kid} (${state})`).join(", ");
    return [
      fail("keys", `does not open: ${names}`, {
        fix: "Put the secret it was sealed with back into SEGNO_SECRET. If it is lost for good: segno keys rotate",
        docs: pages.keys,
      }),
    ];
  }
  const spare = keys.keys.find(({ state }) => state === "published");
  if (spare === undefined) {
    return [
      warn("keys", `${keys.keys.length} open, but no spare is published`, {
        fix: "A running engine publishes one within a minute; if none runs: segno keys rotate",
        docs: pages.keys,
      }),
    ];
  }
  return [ok("keys", `${keys.keys.length} live, every one opens; spare ${spare.kid} is published`)];
}
