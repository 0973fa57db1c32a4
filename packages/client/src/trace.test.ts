import { describe, expect, it } from "vitest";
import { createServiceDouble, openTab, problem, snapshotOf } from "./service.double.js";
import type { ClientSpan } from "./trace.js";
import { offlineCode, spanName } from "./trace.js";

describe("what a page tells of its requests", () => {
  it("names each try in a span of its own, of one trace", async () => {
    const service = createServiceDouble();
    const spans: ClientSpan[] = [];
    const onSpan = (span: ClientSpan) => void spans.push(span);
    const client = openTab(service, { initialSession: snapshotOf("ada"), onSpan });
    service.faults.push("offline", problem(503, "store_unavailable", { retry: { when: "after_delay" } }));
    expect((await client.sessions.list()).error).toBeNull();
    expect(spans.map(({ status, code, requestId }) => [status, code, requestId === null])).toEqual([
      [0, "network", true],
      [503, "store_unavailable", expect.any(Boolean)],
      [200, null, expect.any(Boolean)],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(3);
    for (const { traceId, spanId, durationMs } of spans) {
      expect(traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
      expect(durationMs).toBeGreaterThanOrEqual(0);
    }
  });

  it("a listener that throws breaks nothing, and an offline error has a code to read out", async () => {
    const service = createServiceDouble();
    const client = openTab(service, {
      onSpan: () => {
        throw new Error("listener");
      },
    });
    service.faults.push("offline");
    const { error } = await client.email.start({ email: "ada@example.com" });
    expect(error).toMatchObject({ code: "network", supportCode: expect.stringMatching(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/) });
  });

  it("the answer of a proxy has a code of the trace; the service's own code stays", async () => {
    const service = createServiceDouble();
    const spans: ClientSpan[] = [];
    const client = openTab(service, { onSpan: (span) => void spans.push(span) });
    service.faults.push(new Response("<h1>Bad Gateway</h1>", { status: 502 }));
    const proxied = await client.email.start({ email: "ada@example.com" });
    expect(proxied.error).toMatchObject({ code: "internal", status: 502 });
    const { traceId = "", startedAtMs = 0 } = spans[0] ?? {};
    expect(proxied.error?.supportCode).toBe(offlineCode(traceId, startedAtMs));
    service.faults.push(problem(429, "rate_limited", { supportCode: "7K3M-9QXA" }));
    const refused = await client.email.start({ email: "ada@example.com" });
    expect(refused.error?.supportCode).toBe("7K3M-9QXA");
  });

  it("T-072: leaves ids out of names", () => {
    const name = (path: string) => spanName({ method: "DELETE", path });
    expect(name("/v1/sessions/01890a5d-ac96-774b-bcce-b302099a8057")).toBe("DELETE /v1/sessions/{id}");
    expect(name("/v1/email/link?token=abc")).toBe("DELETE /v1/email/link");
    expect(name("/v1/passkeys/step-up/verify")).toBe("DELETE /v1/passkeys/step-up/verify");
  });

  it("makes the code as the service reads it", () => {
    expect(offlineCode("0af7651916cd43dd8448eb211c80319c", Date.parse("2026-11-21T07:00:00Z"))).toBe("3F48-0CCW");
  });
});
