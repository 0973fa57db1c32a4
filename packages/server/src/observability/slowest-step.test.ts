import { createInMemoryClient, createTestSegno } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { type OtelKit, startOtel } from "../../test/otel-kit.js";
import { createVaultDouble } from "../../test/vault-double.js";
import { slowestStep } from "./slowest-step.js";

describe("slowestStep", () => {
  it("counts a span's own time, and spans of one name together", () => {
    const span = (name: string, spanId: string, parentSpanId: string | null, durationMs: number) => ({
      name,
      spanId,
      parentSpanId,
      durationMs,
    });
    expect(slowestStep([])).toBeUndefined();
    expect(
      slowestStep([
        span("request", "a", null, 100),
        span("store", "b", "a", 30),
        span("store", "c", "a", 40),
        span("sign", "d", "c", 15),
      ]),
    ).toEqual({ name: "store", ownMs: 55, share: 0.55 });
    expect(slowestStep([span("request", "a", "of a browser", 10)])).toEqual({ name: "request", ownMs: 10, share: 1 });
  });

  it("R042: names a custody that takes 800 ms, and its share", async () => {
    await withOtel(async (otel) => {
      const vault = createVaultDouble();
      const custody = vault.remote;
      const test = await createTestSegno({
        telemetry: [otel.hook],
        keys: {
          custody: {
            ...custody,
            sign: async (input, key, signal) => {
              await new Promise((resolve) => setTimeout(resolve, 800));
              return await custody.sign(input, key, signal);
            },
          },
        },
      });
      const { browser } = await test.signInAs("ada@example.com");
      const { client } = createInMemoryClient(test.segno, { browser });
      expect((await client.getToken()).error).toBeNull();
      await test.close();
      await otel.flush();
      const request = otel.spans().find(({ name }) => name === "segno.http.createSessionToken");
      const found = slowestStep(otel.spans().filter(({ traceId }) => traceId === request?.traceId));
      expect(found?.name).toBe("segno.custody.sign");
      expect(found?.ownMs).toBeGreaterThan(790);
      expect(found?.share).toBeGreaterThan(0.8);
    });
  });

  it("R042: names a mail server that takes 800 ms among everything of one sign-in", async () => {
    await withOtel(async (otel) => {
      const test = await createTestSegno({
        telemetry: [otel.hook],
        email: { send: () => new Promise((resolve) => setTimeout(resolve, 800)) },
      });
      const { client } = createInMemoryClient(test.segno);
      await client.email.start({ email: "ada@example.com" });
      await test.settle();
      await test.close();
      await otel.flush();
      const found = slowestStep(otel.spans());
      expect(found).toMatchObject({ name: "segno.mail.send" });
      expect(found?.share).toBeGreaterThan(0.8);
    });
  });
});

async function withOtel(work: (otel: OtelKit) => Promise<void>): Promise<void> {
  const otel = await startOtel();
  try {
    await work(otel);
  } finally {
    await otel.close();
  }
}
