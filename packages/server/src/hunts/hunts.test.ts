import type { SegnoEvent } from "@segno/core";
import { describe, expect, it } from "vitest";
import { hunts, runHunts } from "./run-hunts.js";
import { cleanTraffic, eventAt, hour, minute, startMs, success, tokenAt } from "./traffic.double.js";

const atMs = startMs + 30 * hour;
const victim = { subject: "victim", sessionId: "session-x", networkId: "elsewhere", deviceClass: "desktop" } as const;
const times = <Item>(count: number, make: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => make(index));
const wrong = (at: number, attemptId: string, more: Partial<SegnoEvent> = {}) =>
  eventAt(
    at,
    "login.failure",
    { method: "email_code", reason: "wrong_code", attemptId },
    { outcome: "failure", ...more },
  );
const signedIn = (at: number, more: Partial<SegnoEvent> = {}) =>
  eventAt(at, "login.success", { method: "email_code", ...success }, { ...victim, ...more });
const passkey = { passkeyId: "evil", isBackedUp: false, transports: [] };

/** What each attack leaves behind, and what must find it. */
const attacks: Readonly<Record<string, { readonly about: string; readonly events: readonly SegnoEvent[] }>> = {
  "code-spray": {
    about: "network:botnet",
    events: times(12, (index) => wrong(atMs + index * 30_000, `sprayed-${index}`, { networkId: "botnet" })),
  },
  "mail-flood": {
    about: "network:botnet",
    events: times(30, (index) =>
      eventAt(
        atMs + index * 10_000,
        "email.challenge_sent",
        { purpose: "sign_in", attemptId: `f-${index}` },
        { networkId: "botnet" },
      ),
    ),
  },
  "passkey-probing": {
    about: "network:botnet",
    events: times(12, (index) =>
      eventAt(
        atMs + index * 20_000,
        "login.failure",
        { method: "passkey", reason: "passkey_unknown" },
        { networkId: "botnet", outcome: "failure" },
      ),
    ),
  },
  "guessed-in": {
    about: "user:victim",
    events: [
      // from many networks, so that no one of them stands out
      ...times(9, (index) =>
        wrong(atMs + index * 60_000, `g-${index}`, { subject: "victim", networkId: `bot-${index}` }),
      ),
      signedIn(atMs + 10 * minute),
    ],
  },
  "mail-then-factor": {
    about: "user:victim",
    events: [
      eventAt(atMs, "email.verified", { purpose: "add" }, victim),
      eventAt(atMs + 3 * hour, "passkey.added", passkey, victim),
    ],
  },
  "owner-locked-out": {
    about: "user:victim",
    events: [
      eventAt(atMs, "passkey.added", passkey, victim),
      eventAt(atMs + minute, "passkey.removed", { passkeyId: "mine" }, victim),
      eventAt(atMs + 2 * minute, "session.revoked", { reason: "revoked_by_user" }, victim),
    ],
  },
  "refresh-reuse": {
    about: "user:victim",
    events: [
      eventAt(
        atMs,
        "risk.alert",
        { kind: "refresh_token_reuse", reuseClass: "stale_generation", familyId: "f" },
        { ...victim, outcome: "failure" },
      ),
    ],
  },
  "family-in-two-places": {
    about: "family:stolen",
    events: times(8, (index) =>
      eventAt(
        atMs + index * 4 * minute,
        "token.refreshed",
        { familyId: "stolen", jti: `s-${index}`, generation: index, isRepeat: false },
        index % 2 === 0 ? victim : { ...victim, networkId: "thief", deviceClass: "phone" },
      ),
    ),
  },
  "impossible-travel": {
    about: "user:victim",
    events: [
      signedIn(atMs, { place: "48,11", deviceId: "d" }),
      signedIn(atMs + 2 * hour, { place: "35,139", deviceId: "d" }),
    ],
  },
  "new-device-takes-over": {
    about: "user:victim",
    events: [signedIn(atMs), eventAt(atMs + 4 * minute, "passkey.removed", { passkeyId: "mine" }, victim)],
  },
  "session-flood": {
    about: "user:victim",
    events: times(25, (index) =>
      eventAt(
        atMs + index * minute,
        "session.created",
        { method: "passkey", acr: "phr", amr: [], expiresAt: "2027-02-01T00:00:00.000Z" },
        victim,
      ),
    ),
  },
  "token-burst": {
    about: "client:billing",
    // by night it gets some eight in five minutes
    events: times(200, (index) => tokenAt(atMs - 5 * hour + index * 1_200, "billing")),
  },
};

const clean = cleanTraffic(4);
const inOrder = (events: readonly SegnoEvent[]) => events.toSorted((a, b) => (a.time < b.time ? -1 : 1));

describe("R133: saved hunts", () => {
  it.each([1, 2, 3, 4, 5])("are silent on two clean days of five hundred people, seed %i", async (seed) => {
    expect(await runHunts(cleanTraffic(seed))).toEqual([]);
  });

  it("are at least ten, and each has an attack planted for it", () => {
    expect(hunts.length).toBeGreaterThanOrEqual(10);
    expect(hunts.map(({ name }) => name).toSorted()).toEqual(Object.keys(attacks).toSorted());
  });

  it.each(Object.entries(attacks))(
    "%s finds its attack among clean traffic, once, and no other does",
    async (name, planted) => {
      const findings = await runHunts(inOrder([...clean, ...planted.events]));
      expect(findings.map(({ hunt, about }) => [hunt, about])).toEqual([[name, planted.about]]);
      const ids = new Set(planted.events.map(({ id }) => id));
      expect(findings[0]?.eventIds.some((id) => ids.has(id))).toBe(true);
      expect(findings[0]?.eventIds.length).toBeLessThanOrEqual(20);
    },
  );

  it("R046: one burst is one finding, however long it goes on, and teaches nothing", async () => {
    const usual = times(300, (index) => tokenAt(startMs + index * minute, "etl"));
    const burst = times(6_000, (index) => tokenAt(startMs + 300 * minute + index * 1_000, "etl"));
    const findings = await runHunts([...usual, ...burst]);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ hunt: "token-burst", about: "client:etl" });
  });

  it("looks only for what is named, and knows no other name", async () => {
    const { events } = attacks["code-spray"] ?? { events: [] };
    expect(await runHunts(events, ["session-flood"])).toEqual([]);
    expect(await runHunts(events, ["code-spray"])).toHaveLength(1);
    await expect(runHunts(events, ["no-such-hunt"])).rejects.toMatchObject({ code: "invalid_input" });
  });
});
