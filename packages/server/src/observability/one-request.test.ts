// One request id through everything: the browser's span, the service's, the key, the events. With the real SDK and receiver.
import type { ClientSpan } from "@segno/client";
import type { SegnoEvent } from "@segno/core";
import { createInMemoryClient, createTestSegno, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OtelKit, startOtel } from "../../test/otel-kit.js";

describe("OpenTelemetry", () => {
  let otel: OtelKit;
  let test: TestSegno;
  beforeEach(async () => {
    otel = await startOtel();
    test = await createTestSegno({ telemetry: [otel.hook] });
  });
  afterEach(async () => {
    await test.close();
    await otel.close();
  });

  async function signIn(onSpan: (span: ClientSpan) => void) {
    const { client } = createInMemoryClient(test.segno, { onSpan });
    const started = await client.email.start({ email: "ada@example.com" });
    const attemptId = started.data?.attemptId ?? "";
    await client.email.verify({ attemptId, code: "000000" });
    const code = await test.mail.nextCode("ada@example.com");
    expect((await client.email.verify({ attemptId, code })).error).toBeNull();
    expect((await client.getToken()).error).toBeNull();
    await test.settle();
  }
  async function deliver(events: readonly SegnoEvent[]) {
    const outgoing = events.map((event, index) => ({ event, cloudEvent: JSON.stringify(event), position: index + 1 }));
    await otel.sink.deliver(outgoing, new AbortController().signal);
    await otel.flush();
  }

  it("R041: one request id finds the browser's span, the service's, the use of the key and the events", async () => {
    const browser: ClientSpan[] = [];
    await signIn((span) => void browser.push(span));
    await deliver(test.events);

    const issued = test.events.find((event) => event.type === "token.issued");
    const requestId = issued?.requestId ?? "";
    const spans = otel.spans().filter(({ attributes }) => attributes["segno.request.id"] === requestId);
    const [page] = browser.filter((span) => span.requestId === requestId);
    expect(page).toMatchObject({ name: "POST /v1/session/token", status: 200, code: null });

    const [request] = spans.filter(({ name }) => name === "segno.http.createSessionToken");
    expect(request).toMatchObject({
      traceId: page?.traceId,
      parentSpanId: page?.spanId,
      failed: false,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/session/token",
        "http.response.status_code": 200,
        "segno.auth": "authenticated",
      },
    });
    const [transaction] = spans.filter(({ name }) => name === "segno.store.transaction");
    const [key] = spans.filter(({ name }) => name === "segno.key.sign");
    expect(transaction?.parentSpanId).toBe(request?.spanId);
    expect(key).toMatchObject({ traceId: page?.traceId, attributes: { custody: "local", kid: issued?.data.kid } });
    expect([transaction?.spanId, request?.spanId]).toContain(key?.parentSpanId);

    const logs = otel.logs().filter(({ attributes }) => attributes["segno.request.id"] === requestId);
    expect(logs.map(({ eventName }) => eventName)).toContain("segno.token.issued");
    for (const log of logs) expect(log.traceId).toBe(page?.traceId);
    expect(spans.map(({ spanId }) => spanId)).toContain(logs[0]?.spanId);
  });

  it("R041: a decision carries the id of the request it was made for, on the span and as an event", async () => {
    const { browser } = await test.signInAs("ada@example.com");
    const page: ClientSpan[] = [];
    const { client } = createInMemoryClient(test.segno, { browser, onSpan: (span) => void page.push(span) });
    test.clock.advance({ hours: 1 });
    const refused = await client.user.delete();
    expect(refused.error?.code).toBe("insufficient_user_authentication");
    await test.settle();
    await deliver(test.events);
    const requestId = refused.error?.requestId;
    const [request] = otel.spans().filter(({ name }) => name === "segno.http.deleteUser");
    expect(request?.attributes).toMatchObject({
      "segno.request.id": requestId,
      "segno.auth": "authenticated",
      "error.type": "insufficient_user_authentication",
    });
    expect(page.at(-1)).toMatchObject({ requestId, traceId: request?.traceId, spanId: request?.parentSpanId });
    const decided = otel.logs().filter(({ eventName }) => eventName === "segno.policy.decided");
    expect(decided).toHaveLength(1);
    expect(decided[0]).toMatchObject({
      traceId: request?.traceId,
      severity: "WARN",
      attributes: { "segno.request.id": requestId, "segno.decision": "deny" },
    });
  });

  it("R042: the parts of one sign-in are one trace, and each part says how it ended", async () => {
    const browser: ClientSpan[] = [];
    await signIn((span) => void browser.push(span));
    await deliver(test.events);
    const parts = browser.filter(({ name }) => name.startsWith("POST /v1/email/"));
    expect(parts.map(({ name, code }) => [name, code])).toEqual([
      ["POST /v1/email/start", null],
      ["POST /v1/email/verify", "wrong_code"],
      ["POST /v1/email/verify", null],
    ]);
    expect(new Set(parts.map(({ traceId }) => traceId)).size).toBe(1);
    const [refused] = otel.spans().filter(({ name, failed }) => name === "segno.http.verifyEmailCode" && failed);
    expect(refused?.attributes).toMatchObject({ "error.type": "wrong_code", "http.response.status_code": 400 });
    expect(refused?.attributes["segno.support.code"]).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  });

  it("counts what happened, with labels that say nothing of whom", async () => {
    await signIn(() => {});
    await deliver(test.events);
    const points = otel.points();
    const value = (name: string, attributes: object) =>
      points.find((point) => point.name === name && JSON.stringify(point.attributes) === JSON.stringify(attributes))
        ?.value;
    expect(value("segno.sign_ins", { method: "email_code", outcome: "success" })).toBe(1);
    expect(value("segno.sign_ins", { method: "email_code", outcome: "failure" })).toBe(1);
    expect(value("segno.sign_in.failures", { method: "email_code", code: "wrong_code" })).toBe(1);
    expect(value("segno.sessions.created", { method: "email_code" })).toBe(1);
    expect(value("segno.tokens.issued", { token_type: "Bearer" })).toBe(1);
    expect(value("segno.token.duration", { operation: "session_token", outcome: "success" })).toBe(1);
    expect(value("segno.key.use.duration", { custody: "local", outcome: "success" })).toBe(1);
    expect(value("segno.mail.send.duration", { outcome: "success" })).toBe(1);
    expect(value("segno.outbox.dead_letters", {})).toBe(0);
  });

  it("joins a trace of a page of ours and of no other", async () => {
    const given = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
    const traceparent = `00-${given.traceId}-${given.spanId}-01`;
    const ask = (headers: Record<string, string>) =>
      test.segno.handler(new Request(`${test.origin}/api/auth/v1/session`, { headers }));
    await ask({ traceparent, "sec-fetch-site": "same-origin" });
    await ask({ traceparent, "sec-fetch-site": "cross-site" });
    await ask({ traceparent });
    await ask({ traceparent: "00-zz-01", origin: test.origin });
    await ask({ traceparent, origin: test.origin });
    await otel.flush();
    const requests = otel.spans().filter(({ name }) => name === "segno.http.getSession");
    const joined = requests.map(
      ({ traceId, parentSpanId }) => traceId === given.traceId && parentSpanId === given.spanId,
    );
    expect(joined).toEqual([true, false, false, false, true]);
  });
});
