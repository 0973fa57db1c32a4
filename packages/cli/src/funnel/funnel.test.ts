import { afterAll, expect, it } from "vitest";
import { cliDatabases } from "../../test/databases.js";
import { makeFolder, runCli } from "../../test/run-cli.js";
import { funnelText } from "./funnel.js";

const folder = makeFolder({});
afterAll(folder.remove);

it("fits 100 columns and says what failed, by service and screen", () => {
  const row = {
    group: "a-variant-with-a-very-long-name-that-goes-on",
    started: 1_234_567,
    completed: 1_000_000,
    abandoned: 234_000,
    open: 567,
    completion: 0.8104,
    abandonment: 0.19,
    adoption: 1,
    timeToSuccessMs: { p50: 4_200, p90: 61_000 },
    methods: { passkey: 1_000_000 },
    failures: { wrong_code: 12, rate_limited: 3 },
    screens: {
      exposed: 1,
      begun: 1,
      done: 1,
      left: 0,
      latencyMs: { p50: 1, p90: 2 },
      failures: { user_cancelled: 9 },
    },
  };
  const text = funnelText({ by: "variant", rows: [row], riskAlerts: { code_guessing: 2 }, unknownShare: 0 });
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
  expect(text).toMatchInlineSnapshot(`
    "                          started    done    left    open  done % adopt %     p50     p90
    a-variant-with-a-very-lo  1234567 1000000  234000     567      81     100   4.2 s  61.0 s

    failures, a-variant-with-a-very-long-name-that-goes-on service  screen
      rate_limited                   3       0
      user_cancelled                 0       9
      wrong_code                    12       0

    alerts
           2  code_guessing"
  `);
});

for (const kind of cliDatabases) {
  it.skipIf(kind.skipped !== undefined)(`segno funnel on ${kind.name}`, async () => {
    const database = await kind.create();
    const segno = (...args: readonly string[]) =>
      runCli(args, {
        cwd: folder.path,
        env: {
          SEGNO_DATABASE_URL: database.url,
          SEGNO_SECRET: "1:first-secret-0123456789-abcdefghijklmnop",
          NODE_ENV: "development",
        },
      });
    expect((await segno("funnel", "--json")).json()).toMatchObject({ error: { code: "schema_pending" } });
    await segno("migrate", "apply", "--yes");
    const { code, json } = await segno("funnel", "--json");
    expect(code).toBe(0);
    expect(json()).toMatchObject({ ok: true, rows: [{ group: "all", started: 0, completion: null }] });
    expect((await segno("funnel", "--by", "colour")).code).toBe(2);
    expect((await segno("funnel", "--since", "yesterday")).code).toBe(2);
    await database.drop();
  });
}
