import { spawn } from "node:child_process";
import type { EventConsumer } from "@segno/server";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliDatabase, cliDatabases } from "../../test/databases.js";
import { command, makeFolder, runCli } from "../../test/run-cli.js";
import { sinksText } from "./sinks.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
// a service that runs, takes everything but what tells of keys, and ends
const folder = makeFolder({
  "service.mjs": `import { createSegno } from "@segno/server";
const sink = {
  name: "siem",
  deliver: async (events) =>
    events.filter(({ event }) => event.type === "key.created" && process.env.REFUSES === "1")
      .map(({ event }) => ({ id: event.id, reason: "status 410", isFinal: true })),
};
const segno = createSegno({ email: { send: async () => {} }, events: { sinks: [sink] } });
await segno.ready({ background: true });
for (;;) {
  const [siem] = await segno.api.events.consumers();
  if (siem !== undefined && siem.lag === 0 && siem.waiting === 0) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
await segno.close();
`,
});
afterAll(folder.remove);

for (const kind of cliDatabases) {
  describe.skipIf(kind.skipped !== undefined)(`segno events on ${kind.name}`, () => {
    let database: CliDatabase;
    const env = () => ({ SEGNO_DATABASE_URL: database.url, SEGNO_SECRET: secret, NODE_ENV: "development" });
    const segno = (args: readonly string[]) => runCli(["events", ...args], { cwd: folder.path, env: env() });
    const runService = (refuses: boolean): Promise<number | null> =>
      new Promise((resolve) => {
        const loader = command.slice(0, -1);
        const child = spawn(process.execPath, [...loader, "service.mjs"], {
          cwd: folder.path,
          env: { PATH: process.env["PATH"] ?? "", ...env(), REFUSES: refuses ? "1" : "0" },
          stdio: ["ignore", "ignore", "inherit"],
        });
        child.on("close", resolve);
      });
    beforeEach(async () => {
      database = await kind.create();
    });
    afterEach(() => database.drop());

    it("does not migrate on the way", async () => {
      const { code, json } = await segno(["tail", "--json"]);
      expect(code).toBe(1);
      expect(json()).toMatchObject({ error: { code: "schema_pending", fix: "segno migrate apply" } });
    });

    it("shows events, receivers and what was set aside, and sends it again", { timeout: 60_000 }, async () => {
      expect(await runService(true)).toBe(0);
      const tail = await segno(["tail", "--json"]);
      expect(tail.code).toBe(0);
      const { events, position } = tail.json() as {
        events: { position: number; event: { id: string } }[];
        position: number;
      };
      expect(events).toMatchObject([
        { position: 1, event: { specversion: "1.0", type: "dev.segno.key.created.v1" } },
        { position: 2, event: { specversion: "1.0", type: "dev.segno.key.created.v1" } },
      ]);
      expect(position).toBe(2);
      const text = await segno(["tail", "--type", "key.*", "--since", "2026-01-01T00:00:00Z"]);
      expect(text.stdout).toMatch(/^20\d\d-\d\d-\d\dT[\d:]+Z {2}key\.created .*"kid"/);
      expect((await segno(["tail", "--type", "login.*"])).stdout).toBe("No events are kept that fit.\n");

      const sinks = await segno(["sinks", "--json"]);
      expect(sinks.code).toBe(1);
      expect(sinks.json()).toMatchObject({
        consumers: [{ name: "siem", lag: 0, deadLetters: 2, lastError: "status 410" }],
      });
      const letters = await segno(["dead-letters", "--sink", "siem"]);
      expect(letters.code).toBe(1);
      expect(letters.stdout).toContain("after 1 try: status 410");

      expect((await segno(["replay", "--sink", "siem", "--dead"])).code).toBe(2);
      const one = await segno(["replay", "--sink", "siem", "--id", events[0]?.event.id ?? "", "--yes"]);
      expect(one.stdout).toBe("1 event will be sent to siem again.\n");
      const rest = await segno(["replay", "--sink", "siem", "--dead", "--yes", "--json"]);
      expect(rest.json()).toMatchObject({ ok: true, count: 1 });
      const nothing = await segno(["replay", "--sink", "siem", "--dead", "--yes"]);
      expect(nothing.code).toBe(1);
      expect(await runService(false)).toBe(0);
      expect((await segno(["sinks"])).code).toBe(0);
      expect((await segno(["dead-letters"])).stdout).toBe("There are none.\n");
      const since = await segno(["replay", "--sink", "siem", "--since", "2026-01-01T00:00:00Z", "--yes"]);
      expect(since.stdout).toBe("2 events will be sent to siem again.\n");
    });

    it("follows: shows what is there, then what comes, and ends by Ctrl-C", { timeout: 60_000 }, async () => {
      expect(await runService(false)).toBe(0);
      const child = spawn(process.execPath, [...command, "events", "tail", "--follow", "--json"], {
        cwd: folder.path,
        env: { PATH: process.env["PATH"] ?? "", ...env() },
        stdio: ["ignore", "pipe", "inherit"],
      });
      let out = "";
      child.stdout.on("data", (chunk) => (out += String(chunk)));
      const lines = () => out.split("\n").filter(Boolean);
      await expect.poll(() => lines().length, { timeout: 15_000 }).toBe(2);
      expect((await runCli(["keys", "rotate", "--at-once", "--yes"], { cwd: folder.path, env: env() })).code).toBe(0);
      await expect.poll(() => lines().length, { timeout: 15_000 }).toBeGreaterThan(2);
      expect(lines().map((line) => (JSON.parse(line) as { event: { type: string } }).event.type)).toContain(
        "dev.segno.key.rotated.v1",
      );
      const ended = new Promise((resolve) => child.on("close", resolve));
      child.kill("SIGINT");
      expect(await ended).toBe(130);
    });
  });
}

describe("segno events", () => {
  it.each([
    [["tail", "--type", "coffee"], "--type takes types of events."],
    [["tail", "--since", "yesterday"], '--since "yesterday" is no time with an offset.'],
    [["replay", "--dead"], "--sink is missing."],
    [["replay", "--sink", "a"], "Say what is sent again, in one way."],
    [["replay", "--sink", "a", "--dead", "--id", "b"], "Say what is sent again, in one way."],
  ])("refuses %j", async (args, cause) => {
    const { code, json } = await runCli(["events", ...args, "--json"], { cwd: folder.path });
    expect(code).toBe(2);
    expect(json()).toMatchObject({ error: { code: "usage", cause } });
  });

  it("says that there is no such receiver", async () => {
    const env = { SEGNO_DATABASE_URL: "./none.db", SEGNO_SECRET: secret };
    await runCli(["migrate", "apply", "--yes"], { cwd: folder.path, env });
    const args = ["events", "replay", "--sink", "nobody", "--dead", "--yes", "--json"];
    const { code, json } = await runCli(args, { cwd: folder.path, env });
    expect(code).toBe(1);
    expect(json()).toMatchObject({ error: { code: "not_found" } });
  });

  it("shows receivers in 100 columns", () => {
    const nowMs = 1_000_000_000;
    const consumer = (part: Partial<EventConsumer>): EventConsumer => ({
      name: "siem",
      position: 10,
      lag: 0,
      waiting: 0,
      deadLetters: 0,
      failures: 0,
      lastError: null,
      nextTryAtMs: null,
      acceptedAtMs: nowMs - 5_000,
      seenAtMs: nowMs,
      ...part,
    });
    const text = sinksText(
      [
        consumer({}),
        consumer({ name: "in-process", acceptedAtMs: null }),
        consumer({
          name: "a".repeat(19),
          lag: 1_234,
          failures: 7,
          lastError: "ECONNREFUSED",
          nextTryAtMs: nowMs + 31_000,
        }),
        consumer({ name: "picky", waiting: 3, deadLetters: 1, lastError: "status 422" }),
        consumer({ name: "gone", seenAtMs: nowMs - 7_300_000 }),
      ],
      nowMs,
    );
    for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(text).toMatchInlineSnapshot(`
      "name                     lag waiting    dead  state
      siem                       0       0       0  took events 5 s ago
      in-process                 0       0       0  has taken nothing yet
      aaaaaaaaaaaaaaaaaaa     1234       0       0  away: ECONNREFUSED, 7 times; next try in 31 s
      picky                      0       3       1  took events 5 s ago; refused: status 422
      gone                       0       0       0  no process has it; last seen 2 h ago"
    `);
  });
});
