import { createTestSegno } from "@segno/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonLogger } from "./runtime.js";

const keys = ["time", "level", "code", "message", "requestId"];
const levels = ["debug", "info", "warn", "error"] as const;

describe("jsonLogger", () => {
  it("R049: every line is one JSON object with the same keys first, whatever it tells of", () => {
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
    );
    const name = fc.oneof(fc.constantFrom(...keys, "__proto__", "toJSON"), fc.string());
    fc.assert(
      fc.property(
        fc.constantFrom(...levels),
        fc.string({ unit: "binary" }),
        fc.dictionary(name, value),
        (level, message, fields) => {
          const lines: string[] = [];
          jsonLogger((line) => void lines.push(line), { level: "debug" })[level](message, fields);
          expect(lines).toHaveLength(1);
          expect(lines[0]).not.toMatch(/[\n\r]/);
          const read = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
          const order = Object.keys(read).filter((key) => !/^\d+$/.test(key));
          expect(order.slice(0, 5)).toEqual(keys);
          expect(read).toMatchObject({ level, time: expect.stringMatching(/^\d{4}-.*Z$/) });
        },
      ),
    );
  });

  it("leaves out what matters less, and fails nobody", () => {
    const lines: string[] = [];
    const logger = jsonLogger((line) => void lines.push(line), { level: "warn" });
    for (const level of levels) logger[level](level);
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(["warn", "error"]);
    const broken = jsonLogger(() => {
      throw new Error("EPIPE");
    });
    expect(() => broken.error("x")).not.toThrow();
  });

  it("R049: every line of a load with faults parses, and the faults name their request", async () => {
    const lines: string[] = [];
    let sent = 0;
    const test = await createTestSegno({
      logger: jsonLogger((line) => void lines.push(line), { level: "debug" }),
      rateLimit: false,
      tenant: () => "a b",
      email: {
        send: async () => {
          sent += 1;
          if (sent % 3 === 0) throw new Error('550 "ada@example.com"\nsecond line');
        },
      },
    });
    const calls = Array.from({ length: 200 }, async (_, index) => {
      const browser = test.browser();
      if (index % 2 === 0) await browser.call("/v1/email/start", { email: `user${index}@example.com` });
      else await browser.fetch("/api/auth/v1/email/verify", { method: "POST", body: "{" });
    });
    await Promise.all(calls);
    await test.settle();
    await test.close();
    const after = await test.segno.handler(new Request(`${test.origin}/api/auth/v1/session`));
    expect(after.status).toBe(503);
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      const read = JSON.parse(line) as Record<string, unknown>;
      expect(Object.keys(read).slice(0, 5)).toEqual(keys);
      expect(line).not.toContain("@example.com");
    }
  });
});
