import type { SegnoEvent } from "@segno/core";
import { type Hunt, timeOf } from "./hunt.js";
import { distinct, within } from "./within.js";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const ofNetwork = ({ networkId }: SegnoEvent): string | undefined =>
  networkId === null ? undefined : `network:${networkId}`;
const ofUser = ({ subject }: SegnoEvent): string | undefined => (subject === null ? undefined : `user:${subject}`);
const isWrongCode = (event: SegnoEvent): boolean =>
  event.type === "login.failure" && (event.data.reason === "wrong_code" || event.data.reason === "too_many_tries");
const attemptOf = (event: SegnoEvent): string | undefined =>
  "attemptId" in event.data && typeof event.data.attemptId === "string" ? event.data.attemptId : undefined;
/** Events that sum up a flood say how many. */
const countOf = (event: SegnoEvent): number => (event.type === "login.failure" ? 1 + (event.data.count ?? 0) : 1);
const total = (events: readonly SegnoEvent[]): number => events.reduce((sum, event) => sum + countOf(event), 0);

const codeSpray: Hunt = {
  name: "code-spray",
  summary: "one network guesses the codes of many sign-ins",
  runbook: "code-guessing",
  start: () =>
    within({
      hunt: "code-spray",
      windowMs: 10 * minuteMs,
      about: (event) => (isWrongCode(event) ? ofNetwork(event) : undefined),
      judge(events) {
        const attempts = distinct(events, attemptOf);
        return attempts >= 8 ? `${total(events)} wrong codes for ${attempts} sign-ins in ten minutes` : undefined;
      },
    }),
};

const mailFlood: Hunt = {
  name: "mail-flood",
  summary: "one network has mails sent for many sign-ins and finishes none",
  runbook: "code-guessing",
  start: () =>
    within({
      hunt: "mail-flood",
      windowMs: 10 * minuteMs,
      about: (event) =>
        event.type === "email.challenge_sent" || event.type === "login.success" ? ofNetwork(event) : undefined,
      judge(events) {
        const mails = events.filter(({ type }) => type === "email.challenge_sent").length;
        const successes = events.length - mails;
        return mails >= 20 && successes * 10 < mails
          ? `${mails} mails and ${successes} sign-ins in ten minutes`
          : undefined;
      },
    }),
};

const passkeyProbing: Hunt = {
  name: "passkey-probing",
  summary: "one network tries passkeys that nobody here knows",
  runbook: "code-guessing",
  start: () =>
    within({
      hunt: "passkey-probing",
      windowMs: 10 * minuteMs,
      about: (event) =>
        event.type === "login.failure" &&
        (event.data.reason === "passkey_unknown" || event.data.reason === "passkey_rejected")
          ? ofNetwork(event)
          : undefined,
      judge: (events) => (total(events) >= 10 ? `${total(events)} passkeys refused in ten minutes` : undefined),
    }),
};

const guessedIn: Hunt = {
  name: "guessed-in",
  summary: "an account is signed in to after many wrong codes for it",
  runbook: "code-guessing",
  start: () =>
    within({
      hunt: "guessed-in",
      windowMs: 30 * minuteMs,
      about: (event) => (isWrongCode(event) || event.type === "login.success" ? ofUser(event) : undefined),
      judge(events) {
        if (events.at(-1)?.type !== "login.success") return undefined;
        const wrong = total(events.filter(isWrongCode));
        return wrong >= 8 ? `signed in after ${wrong} wrong codes within half an hour` : undefined;
      },
    }),
};

const mailThenFactor: Hunt = {
  name: "mail-then-factor",
  summary: "an account gets a new address and then another way to sign in, or loses one",
  runbook: "account-reclaimed",
  start: () =>
    within({
      hunt: "mail-then-factor",
      windowMs: dayMs,
      about: (event) =>
        (event.type === "email.verified" && event.data.purpose === "add") ||
        event.type === "passkey.added" ||
        event.type === "passkey.removed" ||
        event.type === "user.created"
          ? ofUser(event)
          : undefined,
      judge(events) {
        const mail = events.findIndex(({ type }) => type === "email.verified");
        // a new account gets both
        if (mail === -1 || events.some(({ type }) => type === "user.created")) return undefined;
        const after = events.slice(mail).filter(({ type }) => type.startsWith("passkey."));
        return after.length > 0 ? `a new address, then ${after.map(({ type }) => type).join(", ")}` : undefined;
      },
    }),
};

const lockedOut: Hunt = {
  name: "owner-locked-out",
  summary: "somebody adds a passkey, removes the others and ends the other sessions",
  runbook: "account-reclaimed",
  start: () =>
    within({
      hunt: "owner-locked-out",
      windowMs: hourMs,
      about: (event) =>
        event.type === "passkey.added" || event.type === "passkey.removed" || event.type === "session.revoked"
          ? ofUser(event)
          : undefined,
      judge(events) {
        const added = events.findIndex(({ type }) => type === "passkey.added");
        if (added === -1) return undefined;
        const after = events.slice(added);
        const removed = after.filter(({ type }) => type === "passkey.removed").length;
        const ended = after.filter(({ type }) => type === "session.revoked").length;
        return removed > 0 && ended > 0
          ? `a passkey added, ${removed} removed and ${ended} sessions ended within an hour`
          : undefined;
      },
    }),
};

const refreshReuse: Hunt = {
  name: "refresh-reuse",
  summary: "an old copy of a refresh token was used",
  runbook: "refresh-token-reuse",
  start: () =>
    within({
      hunt: "refresh-reuse",
      windowMs: dayMs,
      about: (event) =>
        event.type === "risk.alert" && event.data.kind === "refresh_token_reuse" ? ofUser(event) : undefined,
      judge: (events) => `${events.length} refresh ${events.length === 1 ? "family" : "families"} ended for reuse`,
    }),
};

const twoPlaces: Hunt = {
  name: "family-in-two-places",
  summary: "one refresh family is used by two devices in turn",
  runbook: "refresh-token-reuse",
  start: () =>
    within({
      hunt: "family-in-two-places",
      windowMs: hourMs,
      about: (event) =>
        event.type === "token.refreshed" && event.networkId !== null && event.deviceClass !== null
          ? `family:${event.data.familyId}`
          : undefined,
      judge(events) {
        const devices = events.map(({ networkId, deviceClass }) => `${networkId} ${deviceClass}`);
        const kinds = distinct(events, ({ deviceClass }) => deviceClass);
        const changes = devices.filter((each, index) => index > 0 && each !== devices[index - 1]).length;
        // one device goes from one network to the next; another kind of device is another device
        return kinds >= 2 && changes >= 3 ? `${changes} changes between devices within an hour` : undefined;
      },
    }),
};

const maxKmPerHour = 1_000;
/** Whole degrees are off by up to 80 km each, and airports are not where people are. */
const leastKm = 500;

const impossibleTravel: Hunt = {
  name: "impossible-travel",
  summary: "an account is signed in to from places that nobody gets between in the time",
  runbook: "account-reclaimed",
  start: () =>
    within({
      hunt: "impossible-travel",
      windowMs: dayMs,
      about: (event) => (event.type === "login.success" && event.place !== null ? ofUser(event) : undefined),
      judge(events) {
        const [before, now] = events.slice(-2);
        if (before === undefined || now === undefined) return undefined;
        const km = distanceKm(before.place ?? "", now.place ?? "");
        const hours = (timeOf(now) - timeOf(before)) / hourMs;
        if (!(km >= leastKm && km > hours * maxKmPerHour)) return undefined;
        return `${Math.round(km)} km in ${Math.round(hours * 60)} minutes`;
      },
    }),
};

const takeOver: Hunt = {
  name: "new-device-takes-over",
  summary: "a browser never seen before signs in and changes what secures the account at once",
  runbook: "account-reclaimed",
  start: () =>
    within({
      hunt: "new-device-takes-over",
      windowMs: 15 * minuteMs,
      about: (event) =>
        event.type === "login.success" ||
        event.type === "user.created" ||
        event.type === "passkey.removed" ||
        event.type === "user.deleted"
          ? ofUser(event)
          : undefined,
      judge(events) {
        if (events.some(({ type }) => type === "user.created")) return undefined;
        const entry = events.findIndex(({ type, deviceId }) => type === "login.success" && deviceId === null);
        if (entry === -1) return undefined;
        const { sessionId } = events[entry] ?? { sessionId: null };
        const after = events
          .slice(entry)
          .filter((event) => event.type !== "login.success" && event.sessionId === sessionId);
        return after.length > 0 ? `${after.map(({ type }) => type).join(", ")} minutes after` : undefined;
      },
    }),
};

const sessionFlood: Hunt = {
  name: "session-flood",
  summary: "one account gets sessions faster than a person signs in",
  runbook: "account-reclaimed",
  start: () =>
    within({
      hunt: "session-flood",
      windowMs: hourMs,
      about: (event) => (event.type === "session.created" ? ofUser(event) : undefined),
      judge: (events) => (events.length >= 20 ? `${events.length} sessions within an hour` : undefined),
    }),
};

/** All hunts, by name. */
export const baseHunts: readonly Hunt[] = [
  codeSpray,
  mailFlood,
  passkeyProbing,
  guessedIn,
  mailThenFactor,
  lockedOut,
  refreshReuse,
  twoPlaces,
  impossibleTravel,
  takeOver,
  sessionFlood,
];

/** Great-circle distance of two places in whole degrees. */
function distanceKm(one: string, other: string): number {
  const [[lat1 = 0, lon1 = 0], [lat2 = 0, lon2 = 0]] = [one, other].map((place) => place.split(",").map(Number)) as [
    number[],
    number[],
  ];
  const rad = Math.PI / 180;
  const a =
    Math.sin(((lat2 - lat1) * rad) / 2) ** 2 +
    Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(((lon2 - lon1) * rad) / 2) ** 2;
  return 12_742 * Math.asin(Math.sqrt(a));
}
