import type { KeyStatus, KeyStatusReport } from "@segno/server";
import { expect, it } from "vitest";
import { spanText, timeText } from "../time-text.js";
import { statusText } from "./status.js";

const nowMs = Date.parse("2026-11-21T03:00:00Z");
const hour = 3_600_000;
const key = (part: Partial<KeyStatus>): KeyStatus => ({
  kid: "A".repeat(43),
  purpose: "access_token",
  state: "signing",
  algorithm: "ES256",
  custody: "local",
  isOwnCustody: true,
  createdAtMs: nowMs,
  publishedAtMs: nowMs,
  signingAtMs: nowMs,
  verifyOnlyAtMs: null,
  retiredAtMs: null,
  destroyedAtMs: null,
  signedLastDay: 0,
  signingShare: 0,
  unexpired: 0,
  latestExpMs: null,
  maySignAtMs: null,
  rotatesAtMs: null,
  mayRetireAtMs: null,
  ...part,
});
const report: KeyStatusReport = {
  atMs: nowMs,
  keys: [
    key({ kid: "R".repeat(43), state: "retired", retiredAtMs: nowMs - 48 * hour }),
    key({ kid: "C".repeat(43), state: "compromised", retiredAtMs: nowMs - hour / 2, unexpired: 7 }),
    key({ kid: "V".repeat(43), state: "verify_only", mayRetireAtMs: nowMs + 90_000, signingShare: 0.254 }),
    key({ signingShare: 0.746, unexpired: 123_456_789, rotatesAtMs: nowMs + 30 * 24 * hour }),
    key({ kid: "P".repeat(43), state: "published", maySignAtMs: nowMs + 23 * hour }),
    key({ kid: "D".repeat(43), purpose: "document", custody: "vault:wrapped", isOwnCustody: false }),
  ],
  verifiers: {
    known: 3,
    behind: [
      { name: "orders-api", seenAtMs: nowMs - 120_000, holdsAtMs: 0 },
      { name: null, seenAtMs: nowMs - 5 * hour, holdsAtMs: 0 },
    ],
  },
};

it("shows share, unexpired tokens, what comes next, and who lacks the spare, in 100 columns", () => {
  const text = statusText(report, false);
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
  expect(text).toMatchInlineSnapshot(`
    "access_token, custody local
      kid                                          state        share  unexpired  next
      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  signing        75%  123456789  rotates in 30 d
      PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP  published       0%          0  may sign in 23 h
      VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV  verify_only    25%          0  may retire in 90 s
      CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC  compromised     0%          7  30 min ago

    document, custody vault:wrapped
      kid                                          state        share  unexpired  next
      DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD  signing         0%          0  another custody

    verifiers: 3 seen in the last day, 2 may not know the spare:
      orders-api                                   lacks the spare; seen 2 min ago
      (gave no name)                               lacks the spare; seen 5 h ago"
  `);
});

it("shows keys that left the set only when asked", () => {
  expect(statusText(report, false)).not.toContain("R".repeat(43));
  expect(statusText(report, true)).toMatch(/R{43} {2}retired .* 2 d ago/);
});

it("says when everybody knows the spare, and when nobody came", () => {
  expect(statusText({ ...report, verifiers: { known: 2, behind: [] } }, false)).toContain("all of them know the spare");
  expect(statusText({ ...report, verifiers: { known: 0, behind: [] } }, false)).toContain("nobody fetched the key set");
});

it.each([
  [0, "0 s"],
  [-5, "0 s"],
  [119_000, "119 s"],
  [120_000, "2 min"],
  [2 * hour, "2 h"],
  [47 * hour, "47 h"],
  [48 * hour, "2 d"],
])("%d ms is %s", (ms, text) => {
  expect(spanText(ms)).toBe(text);
});

it("writes times so that no place is needed to read them", () => {
  expect(timeText(nowMs + 7)).toBe("2026-11-21T03:00:00Z");
});
