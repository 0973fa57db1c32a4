import type { KeyStatus, KeyStatusReport } from "@segno/server";
import type { Command } from "../command.js";
import { spanText } from "../time-text.js";
import { openKeys } from "./open-keys.js";

export const keysStatusCommand: Command = {
  name: "keys status",
  summary: "shows every key, what it signs, and which verifiers lack the spare",
  notes: [
    "share: of the tokens of the last day. unexpired: at most so many of its tokens are still good.",
    "A verifier lacks the spare when it has not fetched the key set since the spare was published.",
  ],
  options: { all: { type: "boolean", help: "also keys that left the key set long ago" } },
  example: "$ segno keys status --config ./segno.ts",
  failsWhen: "no key signs access tokens, or no spare is published",
  async run(input) {
    const keys = await openKeys(input);
    const report = await keys.status();
    const live = report.keys.filter(({ purpose }) => purpose === "access_token").map(({ state }) => state);
    return {
      ok: live.includes("signing") && live.includes("published"),
      json: { ...report },
      text: statusText(report, input.values["all"] === true),
    };
  },
};

/** Those in use first. */
const order: readonly KeyStatus["state"][] = [
  "signing",
  "published",
  "verify_only",
  "compromised",
  "retired",
  "destroyed",
];
const hidden: readonly KeyStatus["state"][] = ["retired", "destroyed"];

/** One table for each purpose, at most 100 columns wide. */
export function statusText(report: KeyStatusReport, isAll: boolean): string {
  const shown = report.keys
    .filter(({ state }) => isAll || !hidden.includes(state))
    .toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const purposes = [...new Set(shown.map(({ purpose }) => purpose))];
  const tables = purposes.map((purpose) => {
    const keys = shown.filter((key) => key.purpose === purpose);
    const custodies = [...new Set(keys.map(({ custody }) => custody))].join(", ");
    const head = row("kid", "state", "share", "unexpired", "next");
    return [`${purpose}, custody ${custodies}`, head, ...keys.map((key) => keyRow(key, report.atMs))].join("\n");
  });
  return [...tables, verifiersText(report)].join("\n\n");
}

function keyRow(key: KeyStatus, nowMs: number): string {
  const share = `${Math.round(key.signingShare * 100)}%`;
  return row(key.kid, key.state, share, String(key.unexpired), nextOf(key, nowMs));
}

function nextOf(key: KeyStatus, nowMs: number): string {
  if (!key.isOwnCustody && key.state !== "verify_only" && isLive(key)) return "another custody";
  if (key.rotatesAtMs !== null) return when("rotates", key.rotatesAtMs, nowMs);
  if (key.maySignAtMs !== null) return when("may sign", key.maySignAtMs, nowMs);
  if (key.mayRetireAtMs !== null) return when("may retire", key.mayRetireAtMs, nowMs);
  const endedAtMs = key.destroyedAtMs ?? key.retiredAtMs;
  return endedAtMs === null ? "" : `${spanText(nowMs - endedAtMs)} ago`;
}

const isLive = ({ state }: KeyStatus) => state === "signing" || state === "published";

function when(what: string, atMs: number, nowMs: number): string {
  return atMs <= nowMs ? `${what} now` : `${what} in ${spanText(atMs - nowMs)}`;
}

function row(kid: string, state: string, share: string, unexpired: string, next: string): string {
  return `  ${kid.padEnd(43)}  ${state.padEnd(11)}  ${share.padStart(5)}  ${unexpired.padStart(9)}  ${next}`.trimEnd();
}

function verifiersText({ verifiers, atMs }: KeyStatusReport): string {
  const { known, behind } = verifiers;
  const head = `verifiers: ${known} seen in the last day`;
  if (known === 0) return `${head}: nobody fetched the key set`;
  if (behind.length === 0) return `${head}, all of them know the spare`;
  const lines = behind.map(({ name, seenAtMs }) => {
    return `  ${(name ?? "(gave no name)").padEnd(43)}  lacks the spare; seen ${spanText(atMs - seenAtMs)} ago`;
  });
  return [`${head}, ${behind.length} may not know the spare:`, ...lines].join("\n");
}
