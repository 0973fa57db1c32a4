import type { SegnoEvent, SegnoEventData, SegnoEventType } from "@segno/core";
import type { OutgoingEvent } from "../sink.js";
import { pseudonymOf } from "./pseudonym.js";

/** What is for those who watch over security, and says nothing about how people use a product. */
const notSent = "not sent";

type Allowed = { readonly [Type in SegnoEventType]: readonly (keyof SegnoEventData<Type> & string)[] | typeof notSent };

const uiMethod = ["surface", "method"] as const;

/** What of an event's data leaves; everything else stays. A new type of event without a line here does not compile. */
const allowed: Allowed = {
  "login.success": ["method", "acr", "isNewUser"],
  "login.failure": ["method", "reason", "count"],
  "risk.alert": notSent,
  "attempt.started": ["method", "purpose", "isAutofill"],
  "attempt.abandoned": ["method", "purpose", "isAutofill", "count"],
  "token.issued": notSent,
  "token.exchanged": notSent,
  "token.refreshed": notSent,
  "token.revoked": notSent,
  "session.created": ["method", "acr"],
  "session.revoked": ["reason"],
  "stepup.required": ["acr", "maxAgeSeconds"],
  "stepup.success": ["method", "acr"],
  "policy.decided": notSent,
  "user.created": ["method"],
  "user.updated": ["fields"],
  "user.deleted": [],
  "user.suspended": notSent,
  "user.resumed": notSent,
  "subject.erased": notSent,
  "consent.granted": ["purpose", "version"],
  "consent.withdrawn": ["purpose", "version"],
  "email.challenge_sent": ["purpose"],
  "email.verified": ["purpose"],
  "passkey.added": ["isBackedUp", "transports"],
  "passkey.renamed": [],
  "passkey.removed": [],
  "client.created": notSent,
  "client.revoked": notSent,
  "key.created": notSent,
  "key.rotated": notSent,
  "key.retired": notSent,
  "key.compromised": notSent,
  "key.destroyed": notSent,
  "key.used": notSent,
  "key.custody_failed": notSent,
  "key.custody_recovered": notSent,
  "slo.alert": notSent,
  "slo.recovered": notSent,
  "ui.exposed": ["surface", "canUsePasskey"],
  "ui.method_shown": uiMethod,
  "ui.ceremony_started": uiMethod,
  "ui.ceremony_ended": [...uiMethod, "reason", "durationMs"],
  "ui.abandoned": [...uiMethod, "durationMs"],
};

type Value = string | number | boolean | readonly string[];

/** One call of the tracking API that Segment made common. */
export interface AnalyticsTrack {
  readonly type: "track";
  /** Segno's name of the event. */
  readonly event: string;
  readonly messageId: string;
  readonly timestamp: string;
  readonly userId?: string;
  readonly anonymousId: string;
  readonly properties: Readonly<Record<string, Value>>;
  readonly context: { readonly library: { readonly name: "segno" } };
}

/** @returns undefined for what is not for product analytics */
export function toTrack(key: Buffer, { event }: OutgoingEvent): AnalyticsTrack | undefined {
  const names: readonly string[] | typeof notSent = allowed[event.type];
  if (names === notSent || event.deviceClass === "probe") return undefined;
  const { outcome, failureClass, deviceClass, experiment, variant } = event;
  const said: Readonly<Record<string, unknown>> = { ...event.data };
  const properties: Record<string, unknown> = { outcome, failureClass, deviceClass, experiment, variant };
  for (const name of names) properties[name] = said[name];
  return {
    type: "track",
    event: event.type,
    messageId: pseudonymOf(key, "event", event.id),
    timestamp: event.time,
    ...(event.subject === null ? {} : { userId: pseudonymOf(key, "subject", event.subject) }),
    anonymousId: anonymousIdOf(key, event),
    properties: plainOf(properties),
    context: { library: { name: "segno" } },
  };
}

/** The browser where one is known, else one showing of a screen, else this event alone. */
function anonymousIdOf(key: Buffer, { id, deviceId, data }: SegnoEvent): string {
  if (deviceId !== null) return pseudonymOf(key, "device", deviceId);
  return "flow" in data ? pseudonymOf(key, "flow", data.flow) : pseudonymOf(key, "event", id);
}

function plainOf(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, Value>> {
  const plain: Record<string, Value> = {};
  for (const [name, value] of Object.entries(properties)) if (isPlain(value)) plain[name] = value;
  return plain;
}

/** A number, a yes or no, or names as a program has them: nothing a person could have typed. */
function isPlain(value: unknown): value is Value {
  if (Array.isArray(value))
    return value.length <= 32 && value.every((each) => typeof each === "string" && isName(each));
  return typeof value === "boolean" || Number.isFinite(value) || (typeof value === "string" && isName(value));
}

/** Shorter than any token of ours. */
function isName(text: string): boolean {
  return /^[a-z][\w.:-]{0,39}$/i.test(text);
}
