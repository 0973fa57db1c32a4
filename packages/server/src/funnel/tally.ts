import type { FailureClass, SegnoEvent, SignInMethod } from "@segno/core";

/** The way a sign-in was begun. One mail carries a code and a link: until one is used nobody knows which. */
export type FunnelWay = "passkey" | "email";

/** One attempt, as its events tell it. */
export interface AttemptFacts {
  readonly group: Groups;
  readonly startedMs: number;
  readonly isAutofill: boolean;
  endedMs: number | undefined;
  hasFailed: boolean;
  method: SignInMethod | undefined;
  subject: string | null;
}

/** What an event counts under, whichever way the report is cut. */
export interface Groups {
  readonly method: string;
  readonly device: string;
  readonly variant: string;
}

/** One showing of a screen. */
export interface ScreenFacts {
  group: Groups;
  hasBegun: boolean;
  isDone: boolean;
  isLeft: boolean;
}

/** One thing that was begun on a screen and came to its end. */
export interface CeremonyFacts {
  readonly group: Groups;
  readonly durationMs: number;
  readonly failureClass: FailureClass | null;
}

export interface Tally {
  readonly attempts: Map<string, AttemptFacts>;
  readonly screens: Map<string, ScreenFacts>;
  readonly ceremonies: CeremonyFacts[];
  readonly failures: { readonly group: Groups; readonly failureClass: FailureClass; readonly count: number }[];
  readonly alerts: Map<string, number>;
  add(event: SegnoEvent): void;
}

const wayOf = (method: SignInMethod | undefined): string =>
  method === undefined ? "none" : method === "passkey" ? "passkey" : "email";

function groupsOf(event: SegnoEvent, method: SignInMethod | undefined): Groups {
  const variant = event.variant === null ? "none" : `${event.experiment ?? "?"}:${event.variant}`;
  return { method: wayOf(method), device: event.deviceClass ?? "unknown", variant };
}

/** Reads events in their order; a redelivered one counts once. What does not belong to a sign-in is passed over. */
export function createTally(): Tally {
  const seen = new Set<string>();
  const tally: Omit<Tally, "add"> = {
    attempts: new Map(),
    screens: new Map(),
    ceremonies: [],
    failures: [],
    alerts: new Map(),
  };
  return {
    ...tally,
    add(event) {
      if (seen.has(event.id)) return;
      seen.add(event.id);
      // no person's sign-in; what only says of itself that it is a probe hides no alert by it
      const isAlert = event.type === "risk.alert";
      if (event.deviceClass === "probe" && !isAlert) return;
      if (event.type.startsWith("ui.")) addScreen(tally, event);
      else addAttempt(tally, event);
    },
  };
}

function addAttempt({ attempts, failures, alerts }: Omit<Tally, "add">, event: SegnoEvent): void {
  const atMs = Date.parse(event.time);
  if (event.type === "risk.alert") alerts.set(event.data.kind, (alerts.get(event.data.kind) ?? 0) + 1);
  if (event.type === "attempt.started" && ["sign_in", "sign_up"].includes(event.data.purpose)) {
    attempts.set(event.data.attemptId, {
      group: groupsOf(event, event.data.method),
      startedMs: atMs,
      isAutofill: event.data.isAutofill === true,
      endedMs: undefined,
      hasFailed: false,
      method: undefined,
      subject: null,
    });
  }
  if (event.type === "login.success") {
    const attempt = attempts.get(event.data.attemptId ?? "");
    if (attempt === undefined) return;
    attempt.endedMs = atMs;
    attempt.method = event.data.method;
    attempt.subject = event.subject;
  }
  if (event.type === "login.failure") {
    const attempt = attempts.get(event.data.attemptId ?? "");
    if (attempt !== undefined) attempt.hasFailed = true;
    const group = groupsOf(event, event.data.method);
    failures.push({ group, failureClass: event.failureClass ?? "unknown", count: event.data.count ?? 1 });
  }
}

function addScreen({ screens, ceremonies }: Omit<Tally, "add">, event: SegnoEvent): void {
  if (event.type === "ui.exposed") {
    const screen = { group: groupsOf(event, undefined), hasBegun: false, isDone: false, isLeft: false };
    screens.set(event.data.flow, screen);
    return;
  }
  if (!("flow" in event.data)) return;
  const screen = screens.get(event.data.flow);
  if (event.type === "ui.ceremony_ended") {
    const { durationMs, method } = event.data;
    ceremonies.push({ group: groupsOf(event, method), durationMs, failureClass: event.failureClass });
    if (screen !== undefined && event.failureClass === null) screen.isDone = true;
  }
  if (screen === undefined) return;
  if (event.type === "ui.abandoned") screen.isLeft = true;
  if (event.type === "ui.ceremony_started" && !screen.hasBegun) {
    screen.hasBegun = true;
    // a screen belongs to the way that was tried first
    screen.group = groupsOf(event, event.data.method);
  }
}
