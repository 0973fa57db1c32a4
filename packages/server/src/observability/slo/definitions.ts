import type { FailureClass } from "@segno/core";
import { durationBounds } from "../metrics.js";

/** How bad an alert is: somebody is woken, or it can wait for the morning. */
export type AlertSeverity = "page" | "ticket";

/** Two windows and the pace at which both must spend the budget. The short one ends the alert soon after the trouble ends. */
export interface BurnWindow {
  readonly severity: AlertSeverity;
  readonly longMinutes: number;
  readonly shortMinutes: number;
  /** Times the pace that spends exactly the whole budget over the objective's period. */
  readonly burnRate: number;
}

/** A service level objective: what is counted, and how much of it must be good. */
export interface SloDefinition {
  /** `[a-z][a-z0-9-]{0,39}`. Names its counts in the store and in metrics. */
  readonly name: string;
  /** One sentence: what a good one is. */
  readonly summary: string;
  /**
   * Which operations count, as telemetry hooks see them: `http.verifyEmailCode`, `custody.sign`. A trailing `*` takes all
   * that begin so.
   */
  readonly operations: readonly string[];
  /**
   * A good one also takes no longer than this: one of the bounds of the duration histograms, such as 100, 250, 500. Only what
   * was answered as asked counts where it is given.
   */
  readonly underMs?: number;
  /** The share that must be good, between 0 and 1: 0.999. */
  readonly objective: number;
  /** Over how many days. Default 28: four whole weeks. */
  readonly days?: number;
}

/** What an objective is measured over when it does not say. */
export const sloDays = 28;

/**
 * When to tell: 2 % of a month's budget in an hour, 5 % in six hours, 10 % in three days (Google's Site Reliability
 * Workbook, chapter 5, with each short window a twelfth of its long one).
 */
export const burnWindows: readonly BurnWindow[] = [
  { severity: "page", longMinutes: 60, shortMinutes: 5, burnRate: 14.4 },
  { severity: "page", longMinutes: 360, shortMinutes: 30, burnRate: 6 },
  { severity: "ticket", longMinutes: 4_320, shortMinutes: 360, burnRate: 1 },
];

const signIn = ["http.finishPasskeySignIn", "http.finishPasskeySignUp", "http.verifyEmailCode", "http.redeemEmailLink"];
const tokens = ["http.token", "http.createSessionToken", "http.createSessionGrant"];

/**
 * What the engine promises unless told otherwise. An answer is bad when the service is at fault (the failure classes
 * `server`, `key_unavailable`, `timeout`); a wrong code or a cancelled prompt is not.
 */
export const defaultSlos: readonly SloDefinition[] = [
  {
    name: "sign-in-success",
    summary: "a sign-in that was finished by the person does not fail by our fault",
    operations: signIn,
    objective: 0.999,
  },
  {
    name: "sign-in-latency",
    summary: "the last step of a sign-in is answered within 500 ms",
    operations: signIn,
    underMs: 500,
    objective: 0.99,
  },
  {
    name: "token-issue",
    summary: "a token that was asked for rightly is issued",
    operations: tokens,
    objective: 0.999,
  },
  {
    name: "token-latency",
    summary: "a token is issued within 250 ms",
    operations: tokens,
    underMs: 250,
    objective: 0.99,
  },
  {
    name: "key-access",
    summary: "a key in a custody outside this process answers within 250 ms",
    operations: ["custody.sign", "custody.unwrap"],
    underMs: 250,
    objective: 0.99,
  },
];

const faultsOfOurs: ReadonlySet<FailureClass> = new Set(["server", "key_unavailable", "timeout"]);

/** Whether a failure is the service's own: a wrong code or a cancelled prompt is not. */
export function isOurFault(failureClass: FailureClass): boolean {
  return faultsOfOurs.has(failureClass);
}

const namePattern = /^[a-z][a-z0-9-]{0,39}$/;

/** What is wrong with these definitions, one sentence each; empty when nothing is. */
export function sloFaults(definitions: readonly SloDefinition[]): readonly string[] {
  const faults: string[] = [];
  const names = new Set<string>();
  for (const { name, operations, objective, underMs, days } of definitions) {
    if (!namePattern.test(name)) faults.push(`slos: "${name}" is no name: a-z, 0-9 and -, at most 40 characters.`);
    if (names.has(name)) faults.push(`slos: "${name}" is there twice.`);
    names.add(name);
    if (operations.length === 0) faults.push(`slos: "${name}" counts no operation.`);
    if (!(objective > 0 && objective < 1)) faults.push(`slos: the objective of "${name}" is not between 0 and 1.`);
    // in a scrape only the bounds of the histograms are known
    if (underMs !== undefined && !durationBounds.includes(underMs / 1_000))
      faults.push(`slos: underMs of "${name}" is none of ${durationBounds.map((bound) => bound * 1_000).join(", ")}.`);
    if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= 90))
      faults.push(`slos: days of "${name}" is not between 1 and 90.`);
  }
  return faults;
}
