import { createTestSegno } from "@segno/testing";
import { expect, it } from "vitest";
import { computeMetrics } from "./compute-metrics.js";

const nothing = { good: 0, total: 0 };

it("R045: has five figures on a stack that has run, none empty, each with definition and source", async () => {
  const test = await createTestSegno({
    audit: {},
    services: {
      reports: {
        authentication: { method: "client_secret_basic", secret: "0123456789-0123456789-0123456789-abcdef" },
        scopes: ["reports:read"],
        audiences: ["https://reports.example.com"],
      },
    },
    tokens: { scopes: ["reports:read"] },
  });
  const { segno, clock } = test;
  try {
    await (await test.signInAs("ada@example.com")).tokens();
    clock.advance({ minutes: 1 });
    const { metrics } = await segno.api.readMetrics();
    expect(metrics.map(({ name }) => name)).toEqual([
      "sign_in_latency",
      "token_issuance",
      "vault_share",
      "time_to_recover",
      "audit_completeness",
    ]);
    for (const { value, definition, source } of metrics)
      for (const text of [value, definition, source]) expect(text.length).toBeGreaterThan(5);
    const [latency, tokens, vault, recover, audit] = metrics;
    expect(latency?.figures).toMatchObject({ count: 1 });
    expect(tokens?.figures).toMatchObject({ tokens: 1 });
    expect(vault?.figures).toMatchObject({ keyShare: 0, serviceShare: 0, services: 1 });
    expect(recover?.value).toBe("no incident");
    expect(audit?.figures).toMatchObject({ ratio: 1, missing: 0 });
    await expect(segno.api.readMetrics({ since: "yesterday" })).rejects.toMatchObject({ code: "invalid_input" });
  } finally {
    await segno.close();
  }
});

it("takes nearest ranks, means and shares, and says where there was nothing", () => {
  const full = computeMetrics({
    spanMs: 600_000,
    signInMs: Array.from({ length: 100 }, (_, index) => (100 - index) * 10),
    inTime: { good: 99_999, total: 100_000 },
    tokens: 50,
    tokenAnswers: { good: 49, total: 50 },
    keys: { good: 1, total: 4 },
    services: { good: 2, total: 3 },
    recoveredSeconds: [60, 180],
    firing: 1,
    audit: { ratio: 0.99999, checked: 100_000, missing: 1 },
  });
  expect(full.map(({ value }) => value)).toEqual([
    "p50 0.50 s, p99 0.99 s; 99.99 % answered in time",
    "50 tokens, 5.00 a minute; 1 errors (2.00 %)",
    "1 of 4 keys; 2 of 3 services",
    "2.0 min, mean of 2; 1 open",
    "99.99 % of 100000 changes, 1 missing",
  ]);
  const empty = computeMetrics({
    spanMs: 600_000,
    signInMs: [],
    inTime: nothing,
    tokens: 0,
    tokenAnswers: nothing,
    keys: nothing,
    services: nothing,
    recoveredSeconds: [],
    firing: 0,
    audit: undefined,
  });
  expect(empty.map(({ value }) => value)).toEqual([
    "no sign-in; no answer counted",
    "0 tokens, 0.00 a minute; no answer counted",
    "0 of 0 keys; no services",
    "no incident",
    "no audit log is kept",
  ]);
});
