// Events as the log hands them to a sink.
import type { SegnoEvent } from "@segno/core";
import { toCloudEvent } from "../src/events/envelope.js";
import type { OutgoingEvent } from "../src/events/sink.js";

/** What may stand in nothing that is sent, in no reason and in no error. */
export const personalCanaries: readonly string[] = [
  "canary.ada.4711@example.com",
  "+15550104711",
  "198.51.100.47",
  "CanaryAgent/4711",
  "canary-token-4711",
];

let made = 0;

/** One sign-in's event, or a bigger one. The subject has characters of several bytes, to be seen in counted lengths. */
export function outgoingEvent(
  options: { readonly subject?: string | null; readonly bytes?: number } = {},
): OutgoingEvent {
  made += 1;
  const id = `0199c0de-0000-7000-8000-${process.pid.toString(16).padStart(6, "0")}${made.toString(16).padStart(6, "0")}`;
  const { subject = `usr_${made % 3}`, bytes = 0 } = options;
  const type = made % 2 === 0 ? "session.revoked" : "risk.alert";
  const data =
    type === "risk.alert" ? { kind: "clé_新", detail: "x".repeat(bytes) } : { reason: `é${"x".repeat(bytes)}` };
  const actor = { subject, requestId: "req_4711", sessionId: null, clientId: null };
  const cloudEvent = toCloudEvent({
    id,
    source: "https://app.example.com",
    type,
    nowMs: 1_800_000_000_000 + made,
    actor: actor as never,
    data: data as never,
  });
  const read = JSON.parse(cloudEvent) as { time: string };
  const event = {
    id,
    type,
    schemaVersion: 1,
    time: read.time,
    requestId: actor.requestId,
    subject,
    sessionId: null,
    clientId: null,
    outcome: "success",
    data,
  } as unknown as SegnoEvent;
  // what a careless sink would find if it looked further than it has to
  const personal = { personal: { email: personalCanaries[0], phone: personalCanaries[1], ip: personalCanaries[2] } };
  return Object.assign({ event, cloudEvent, position: made }, personal);
}

export function outgoingEvents(count: number, options: { readonly subject?: string } = {}): OutgoingEvent[] {
  return Array.from({ length: count }, () => outgoingEvent(options));
}
