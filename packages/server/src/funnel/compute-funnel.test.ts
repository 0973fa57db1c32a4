// A file of events as they go over a wire, and the figures that must come of it. Worked out by hand in docs/concepts/funnel.md.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseCloudEvent } from "../events/index.js";
import { computeFunnel } from "./compute-funnel.js";

const file = new URL("../../test/golden-funnel.jsonl", import.meta.url);
const events = readFileSync(file, "utf8").trim().split("\n").map(parseCloudEvent);
const nowMs = Date.parse("2026-01-01T10:25:00Z");

it("R032: the golden file gives exact figures", () => {
  expect(computeFunnel(events, { nowMs })).toEqual({
    by: null,
    rows: [
      {
        group: "all",
        started: 5,
        completed: 3,
        abandoned: 1,
        open: 1,
        completion: 3 / 4,
        abandonment: 1 / 4,
        adoption: 1,
        timeToSuccessMs: { p50: 10_000, p90: 60_000 },
        methods: { email_link: 1, passkey: 2 },
        failures: { rate_limited: 7, wrong_code: 1 },
        screens: { exposed: 2, begun: 1, done: 1, left: 1, latencyMs: { p50: 4_200, p90: 4_200 }, failures: {} },
      },
    ],
    riskAlerts: { code_guessing: 1 },
    unknownShare: 0,
  });
});

it("R032: by method, device and variant, and the parts add up", () => {
  const cut = (by: "method" | "device" | "variant") =>
    computeFunnel(events, { nowMs, by }).rows.map((row) => [
      row.group,
      row.started,
      row.completed,
      row.abandoned,
      row.open,
      row.adoption,
      row.screens.exposed,
    ]);
  expect(cut("method")).toEqual([
    ["email", 3, 1, 1, 1, 1 / 3, 0],
    ["none", 0, 0, 0, 0, 0, 1],
    ["passkey", 2, 2, 0, 0, 2 / 3, 1],
  ]);
  expect(cut("device")).toEqual([
    ["desktop", 2, 2, 0, 0, 2 / 3, 1],
    ["phone", 3, 1, 1, 1, 1 / 3, 1],
  ]);
  expect(cut("variant")).toEqual([
    ["first:a", 2, 2, 0, 0, 2 / 3, 1],
    ["first:b", 3, 1, 1, 1, 1 / 3, 1],
    ["none", 0, 0, 0, 0, 0, 0],
  ]);
});

it("nothing gives nothing, and no division by it", () => {
  const { rows, unknownShare } = computeFunnel([], { nowMs });
  expect(rows[0]).toMatchObject({ started: 0, completion: null, abandonment: null, adoption: null });
  expect(rows[0]?.timeToSuccessMs).toEqual({ p50: null, p90: null });
  expect(unknownShare).toBeNull();
  expect(computeFunnel([], { nowMs, by: "method" }).rows).toEqual([]);
});

it("an attempt is open for ten minutes, then abandoned", () => {
  const at = (time: string) => computeFunnel(events, { nowMs: Date.parse(time) }).rows[0];
  expect(at("2026-01-01T10:29:59.999Z")).toMatchObject({ open: 1, abandoned: 1 });
  expect(at("2026-01-01T10:30:00Z")).toMatchObject({ open: 0, abandoned: 2, completion: 3 / 5 });
});
