import type { EventSink, OutgoingEvent } from "@segno/server";
import { createTestSegno, createVirtualClock, type TestSegno } from "@segno/testing";
import { expect } from "vitest";
import { describeCrashes, type Dump, eventsIn, type LastLine, parseDump } from "../test/crash-kit.js";
import type { TestDatabase } from "../test/stores.js";

interface Line extends LastLine {
  readonly login?: string;
  readonly user?: string;
  readonly cookie?: string;
  /** The session whose cookie the next answer replaces. */
  readonly replacing?: string;
  readonly added?: string;
  readonly removing?: string;
  readonly removed?: string;
  readonly refreshToken?: string;
  /** Events that the sink was given. */
  readonly delivered?: readonly string[];
}

/** What must hold of any database, wherever the process died. */
async function check(database: TestDatabase, acknowledged: readonly Line[]): Promise<void> {
  const received: string[] = [];
  const sink: EventSink = { name: "siem", deliver: async (events) => void received.push(...events.map(idOf)) };
  // clients try again within seconds
  await restarted(database, sink, "2026-01-01T00:00:02Z", async (soon) => {
    await checkCookies(soon, acknowledged);
    await checkRefresh(soon, acknowledged);
  });
  // whatever the dead process had leased is free again
  await restarted(database, sink, "2026-01-01T00:05:00Z", async (later) => {
    await later.settle();
    const rows = parseDump(await later.dump());
    checkWhole(rows, acknowledged);
    checkDelivered(rows, [...acknowledged.flatMap(({ delivered = [] }) => delivered), ...received]);
  });
}

const idOf = ({ event }: OutgoingEvent): string => event.id;

/** The sink got every event that was committed, before or after the kill, and no other; each once when repeats are dropped. */
function checkDelivered(rows: Dump, delivered: readonly string[]): void {
  const committed = (rows["segno_outbox"] ?? []).toSorted((a, b) => Number(a.position) - Number(b.position));
  expect([...new Set(delivered)]).toEqual(committed.map(({ id }) => id));
}

async function restarted(
  database: TestDatabase,
  sink: EventSink,
  at: string,
  work: (test: TestSegno) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock(Date.parse(at));
  const test = await createTestSegno({
    database: database.source(),
    seed: `started at ${at}`,
    clock,
    events: { sinks: [sink] },
  });
  try {
    await work(test);
  } finally {
    await test.close();
  }
}

/** Every cookie somebody got signs them in, unless a later answer replaced it; one that may have been, either way. */
async function checkCookies(after: TestSegno, lines: readonly Line[]): Promise<void> {
  for (const [index, { login, user, cookie }] of lines.entries()) {
    if (login === undefined) continue;
    const later = lines.slice(index + 1);
    const isReplacing = later.some((line) => line.replacing === login);
    const isReplaced = isReplacing && later.some((line) => line.login === login);
    const response = await after.fetch("/api/auth/v1/session", { headers: { cookie: cookie ?? "" } });
    const body: { user: { id: string } | null } = await response.json();
    const allowed = isReplaced ? [undefined] : isReplacing ? [undefined, user] : [user];
    expect(allowed).toContain(body.user?.id);
  }
}

async function checkRefresh(after: TestSegno, lines: readonly Line[]): Promise<void> {
  const newest = lines.findLast((line) => line.refreshToken !== undefined)?.refreshToken;
  if (newest === undefined) return;
  const response = await after.fetch("/api/auth/oauth2/token", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: newest, client_id: "segno" }),
  });
  expect(response.status).toBe(200);
}

function checkWhole(rows: Dump, lines: readonly Line[]): void {
  const of = (table: string) => rows[table] ?? [];
  const events = eventsIn(rows);
  const all = (type: string) => events.filter((event) => event.type === type);
  const told = (type: string, key: "subject" | "sessionid", value: unknown) =>
    all(type).filter((event) => event[key] === value).length;
  // everything has its position, the subscriber has passed it, and nothing was set aside
  const head = of("segno_outbox").length;
  expect(
    of("segno_outbox")
      .map((row) => row.position)
      .toSorted((a, b) => Number(a) - Number(b)),
  ).toEqual(Array.from({ length: head }, (_, index) => index + 1));
  const places = of("segno_event_cursors").map(({ name, position }) => [name, position]);
  expect(Object.fromEntries(places)).toEqual({ "in-process": head, siem: head });
  expect(of("segno_event_failures")).toEqual([]);
  for (const user of of("segno_users")) {
    expect(told("user.created", "subject", user.id)).toBe(1);
    const ways = [...of("segno_passkeys"), ...of("segno_identifiers")].filter((row) => row.user_id === user.id);
    expect(ways.length).toBeGreaterThan(0);
  }
  for (const session of of("segno_sessions")) {
    expect(told("session.created", "sessionid", session.id)).toBe(1);
    expect(told("login.success", "sessionid", session.id)).toBe(1);
    expect(of("segno_users").some((user) => user.id === session.user_id)).toBe(true);
  }
  expect(all("login.success")).toHaveLength(of("segno_sessions").length);
  expect(all("passkey.added").length - all("passkey.removed").length).toBe(of("segno_passkeys").length);
  const passkeys = of("segno_passkeys").map((row) => row.id);
  for (const { added } of lines.filter((line) => line.added !== undefined)) {
    if (lines.some((line) => line.removed === added)) expect(passkeys).not.toContain(added);
    else if (!lines.some((line) => line.removing === added)) expect(passkeys).toContain(added);
  }
}

describeCrashes<Line>({
  name: "kill -9 at any moment of a person's whole way",
  it: "R051, T-076: loses nothing acknowledged, leaves nothing half-made, keeps every event",
  flow: "crash-flow.ts",
  every: { local: 16, ci: 4 },
  boundaries: 100,
  timeoutMs: 600_000,
  check,
});
