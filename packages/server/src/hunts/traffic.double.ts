import type { SegnoEvent, SegnoEventData, SegnoEventType } from "@segno/core";
import { eventSchemaVersions } from "@segno/core";

/** Mulberry32: the same traffic each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const startMs: number = Date.UTC(2027, 0, 4);
export const minute = 60_000;
export const hour: number = 60 * minute;
const day = 24 * hour;

let ids = 0;

/** An event at a time, as the engine writes it. */
export function eventAt<Type extends SegnoEventType>(
  atMs: number,
  type: Type,
  data: SegnoEventData<Type>,
  envelope: Partial<SegnoEvent> = {},
): SegnoEvent {
  ids += 1;
  return {
    id: `event-${ids}`,
    type,
    schemaVersion: eventSchemaVersions[type],
    time: new Date(atMs).toISOString(),
    requestId: `request-${ids}`,
    subject: null,
    sessionId: null,
    clientId: null,
    actor: { type: "user", id: null },
    deviceId: null,
    deviceClass: "desktop",
    networkId: "office",
    place: null,
    tenantId: null,
    experiment: null,
    variant: null,
    traceId: null,
    outcome: "success",
    failureClass: null,
    data,
    ...envelope,
  } as SegnoEvent;
}

interface Person {
  readonly subject: string;
  readonly home: string;
  readonly device: string;
  place: string;
}

/** Two days of five hundred people who do what people do: mistype, move, fly, lose patience, tidy up their passkeys. */
export function cleanTraffic(seed: number): SegnoEvent[] {
  const random = seeded(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const events: SegnoEvent[] = [];
  for (let index = 0; index < 500; index += 1) {
    const person: Person = {
      subject: `user-${index}`,
      // many share an office; most are at home
      home: random() < 0.3 ? `office-${Math.floor(random() * 20)}` : `home-${index}`,
      device: `device-${index}`,
      place: pick(["48,11", "52,13", "51,0", "41,-74"]),
    };
    const isNew = random() < 0.05;
    for (let turn = 0; turn < 4; turn += 1) {
      const atMs = startMs + Math.floor(random() * 2 * day);
      events.push(...signIn(person, atMs, { random, pick, isFirst: isNew && turn === 0 }));
    }
    if (random() < 0.02) events.push(...tidyUp(person, startMs + Math.floor(random() * 2 * day)));
    if (random() < 0.05) events.push(...flight(person, startMs + Math.floor(random() * day)));
  }
  for (let slot = 0; slot < 2 * 288; slot += 1) {
    // a service works by day; another one once a night, all at once, as every night
    const isDay = slot % 288 > 96 && slot % 288 < 216;
    const count = isDay ? 20 + Math.floor(random() * 25) : 5 + Math.floor(random() * 6);
    for (let each = 0; each < count; each += 1)
      events.push(tokenAt(startMs + slot * 5 * minute + each * 1_000, "billing"));
  }
  return events.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

export function tokenAt(atMs: number, clientId: string): SegnoEvent {
  const data = {
    jti: `jti-${atMs}`,
    kid: "kid",
    audience: ["https://api.example.com"],
    scope: "",
    tokenType: "Bearer" as const,
    expiresAt: new Date(atMs + 300_000).toISOString(),
  };
  return eventAt(atMs, "token.issued", data, { clientId, actor: { type: "service", id: clientId } });
}

export const success = { acr: "aal1", amr: ["otp"], isNewUser: false } as const;

function signIn(
  person: Person,
  atMs: number,
  how: { random: () => number; pick: <Item>(items: readonly Item[]) => Item; isFirst: boolean },
): SegnoEvent[] {
  const { random } = how;
  const attemptId = `attempt-${person.subject}-${atMs}`;
  const session = `session-${person.subject}-${atMs}`;
  const isMobile = random() < 0.3;
  const around = {
    subject: person.subject,
    networkId: isMobile ? `mobile-${Math.floor(random() * 500)}` : person.home,
    deviceId: random() < 0.9 && !how.isFirst ? person.device : null,
    deviceClass: isMobile ? ("phone" as const) : ("desktop" as const),
    place: person.place,
  };
  const events: SegnoEvent[] = [];
  const byMail = random() < 0.4;
  if (byMail) events.push(eventAt(atMs, "email.challenge_sent", { purpose: "sign_in", attemptId }, around));
  const mistakes = random() < 0.15 ? 1 + Math.floor(random() * 3) : 0;
  for (let each = 0; each < mistakes; each += 1) {
    const reason = byMail ? ("wrong_code" as const) : ("passkey_rejected" as const);
    const method = byMail ? ("email_code" as const) : ("passkey" as const);
    events.push(
      eventAt(atMs + each * 20_000, "login.failure", { method, reason, attemptId }, { ...around, outcome: "failure" }),
    );
  }
  if (random() < 0.05) return events; // gave up
  const doneMs = atMs + mistakes * 20_000 + 15_000;
  const method = byMail ? ("email_code" as const) : ("passkey" as const);
  if (how.isFirst) {
    events.push(eventAt(doneMs, "user.created", { method }, around));
    events.push(eventAt(doneMs + 60_000, "email.verified", { purpose: "add" }, around));
    events.push(
      eventAt(doneMs + 90_000, "passkey.added", { passkeyId: "p", isBackedUp: true, transports: [] }, around),
    );
  }
  events.push(eventAt(doneMs, "login.success", { method, ...success, attemptId }, { ...around, sessionId: session }));
  events.push(
    eventAt(
      doneMs,
      "session.created",
      { method, acr: "aal1", amr: ["otp"], expiresAt: new Date(doneMs + day).toISOString() },
      { ...around, sessionId: session },
    ),
  );
  // on the move: the same device changes its network, and refreshes on
  for (let each = 1; each < 12; each += 1) {
    const networkId = isMobile && each % 4 === 0 ? `mobile-${Math.floor(random() * 500)}` : around.networkId;
    const data = { familyId: `family-${session}`, jti: `jti-${session}-${each}`, generation: each, isRepeat: false };
    events.push(
      eventAt(doneMs + each * 5 * minute, "token.refreshed", data, { ...around, networkId, sessionId: session }),
    );
  }
  if (random() < 0.3) {
    events.push(
      eventAt(doneMs + 70 * minute, "session.revoked", { reason: "signed_out" }, { ...around, sessionId: session }),
    );
  }
  return events;
}

/** A new telephone: the old passkey goes some days after the new one came. */
function tidyUp({ subject, device }: Person, atMs: number): SegnoEvent[] {
  const around = { subject, deviceId: device };
  return [
    eventAt(atMs, "passkey.added", { passkeyId: "new", isBackedUp: true, transports: ["internal"] }, around),
    eventAt(atMs + 5 * hour, "passkey.removed", { passkeyId: "old" }, around),
  ];
}

/** Munich to New York in nine hours. */
function flight({ subject, device }: Person, atMs: number): SegnoEvent[] {
  const data = { method: "passkey" as const, ...success };
  const around = { subject: `${subject}-flyer`, deviceId: device };
  return [
    eventAt(atMs, "login.success", data, { ...around, place: "48,11", sessionId: "a" }),
    eventAt(atMs + 9 * hour, "login.success", data, { ...around, place: "41,-74", sessionId: "b" }),
  ];
}
