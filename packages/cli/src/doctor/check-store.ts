import type { InspectedHotState, InspectedStore, SegnoInspection } from "@segno/server";
import { inState, nameOf, refusalOf } from "../migrate/describe.js";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

/** The database, its schema and its clock. */
export function checkStore({
  store,
  configuration,
}: Pick<SegnoInspection, "store" | "configuration">): readonly Finding[] {
  if (store.fault !== null) {
    return [
      fail("database", `${store.describe}: ${store.fault}`, {
        fix: "Start it, or correct SEGNO_DATABASE_URL (or the option database)",
        docs: "docs/concepts/errors.md#store_unavailable",
      }),
    ];
  }
  return [ok("database", `${store.describe} answers`), checkSchema(store, configuration.migrations), checkClock(store)];
}

/** Rate limits and proofs already seen, where they are not in the database. */
export function checkHotState(hotState: InspectedHotState | null): readonly Finding[] {
  if (hotState === null) return [];
  if (hotState.fault === null) return [ok("hot state", `${hotState.describe} answers`)];
  return [
    warn("hot state", `${hotState.describe} does not answer: limits and proofs are counted in the database meanwhile`, {
      fix: "Start it, or correct the client that hotState was given",
      docs: pages.clientIp,
    }),
  ];
}

function checkSchema({ schema }: InspectedStore, mode: "auto" | "check"): Finding {
  if (schema === null)
    return warn("schema", "this store does not show it", {
      fix: "Use sqlite(...) or postgres(...)",
      docs: pages.commandLine,
    });
  const refusal = refusalOf(schema);
  if (refusal !== undefined) return fail("schema", refusal.cause, { fix: refusal.fix, docs: refusal.docs });
  const pending = inState(schema, "pending").map(nameOf).join(", ");
  const how = mode === "auto" ? "applied at start" : 'applied by hand (migrations: "check")';
  if (pending === "") return ok("schema", `up to date; migrations are ${how}`);
  if (mode === "auto") {
    return warn("schema", `${pending} is missing; the next start applies it`, {
      fix: "Or apply it now: segno migrate apply",
      docs: `${pages.commandLine}#migrations`,
    });
  }
  return fail("schema", `${pending} is missing, and the engine does not start without it`, {
    fix: "segno migrate apply",
    docs: `${pages.commandLine}#migrations`,
  });
}

function checkClock({ clockAheadMs }: InspectedStore): Finding {
  if (clockAheadMs === null) return ok("clock", "the database uses this machine's");
  return judgeSkew("clock", "the database", clockAheadMs);
}

const toleratedSeconds = 5;
const refusedSeconds = 60;

/** Verifiers forgive five seconds by default, sixty at most. */
export function judgeSkew(check: string, whose: string, aheadMs: number): Finding {
  const seconds = Math.abs(aheadMs) / 1000;
  const found = `${whose} is ${seconds.toFixed(1)} s ${aheadMs < 0 ? "behind" : "ahead of"} this machine`;
  if (seconds <= toleratedSeconds) return ok(check, found);
  const judge = seconds > refusedSeconds ? fail : warn;
  return judge(check, `${found}: tokens of one are refused by the other as expired or not yet valid`, {
    fix: "Let both machines take their time from the network (chrony, systemd-timesyncd)",
    docs: pages.tokens,
  });
}
