import type { KeyHealth, KeyringHealth } from "@segno/server";
import { spanText } from "../time-text.js";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

/** Whether every live key opens, and whether a spare is ready. */
export function checkKeys(keys: KeyringHealth | null, nowMs: number): readonly Finding[] {
  if (keys === null) return [];
  if (keys.keys.length === 0) {
    return [
      warn("keys", "there are none yet", {
        fix: "Nothing to do: the first start of the engine makes a signing key and a spare",
        docs: pages.keys,
      }),
    ];
  }
  // a key that only verifies needs no private half
  const closed = keys.keys.filter(({ opens, state }) => !opens && state !== "verify_only");
  if (closed.length > 0) return [checkClosed(closed)];
  const custodies = [...new Set(keys.keys.map(({ custody }) => custody))].join(", ");
  const spare = keys.keys.find(({ state }) => state === "published");
  if (spare === undefined) {
    return [
      warn("keys", `${keys.keys.length} open, but no spare is published (custody ${custodies})`, {
        fix: "A running engine publishes one within a minute; if none runs: segno keys rotate",
        docs: pages.keys,
      }),
    ];
  }
  const since = spanText(nowMs - spare.publishedAtMs);
  return [ok("keys", `${keys.keys.length} live, every one opens (custody ${custodies}); spare published ${since} ago`)];
}

function checkClosed(closed: readonly KeyHealth[]): Finding {
  const names = closed.map(({ kid, state }) => `${state} ${kid}`).join(", ");
  const found = `custody ${[...new Set(closed.map(({ custody }) => custody))].join(", ")} does not open: ${names}`;
  const isElsewhere = closed.some(({ custody }) => !custody.startsWith("local"));
  if (isElsewhere) {
    return fail("keys", found, {
      fix: "If it is the configured custody, bring it back; signing goes on by itself. Do not make other keys meanwhile",
      docs: "docs/runbooks/vault-outage.md",
    });
  }
  return fail("keys", found, {
    fix: "Put the secret it was sealed with back into SEGNO_SECRET. If it is lost for good: segno keys rotate",
    docs: "docs/runbooks/token-signing-failure.md",
  });
}
