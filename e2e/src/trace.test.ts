// One sign-in in a real browser, followed by its ids: the page, the service, the key, the events.
import type { ClientSpan } from "@segno/client";
import { expect, it } from "vitest";
import { useDevices } from "./devices.ts";
import { startWatchedApp } from "./watched-app.ts";
import { signInByMail } from "./watched-journeys.ts";

const { app, device } = useDevices(startWatchedApp);

it("R041: the page, the service, the key and the events tell of one request under one id", async () => {
  const { page } = await device();
  await signInByMail(app(), page, "trace@example.com");
  await Promise.all([
    page.waitForResponse("**/v1/session/token"),
    page.getByRole("button", { name: "Get a token" }).click(),
  ]);
  await expect.poll(() => app().events.some(({ type }) => type === "token.issued")).toBe(true);
  const seen: ClientSpan[] = await page.evaluate("spans");

  const steps = seen.filter(({ name }) => name.startsWith("POST /v1/email/"));
  expect(steps.map(({ name, status }) => [name, status])).toEqual([
    ["POST /v1/email/start", 202],
    ["POST /v1/email/verify", 200],
  ]);
  expect(new Set(steps.map(({ traceId }) => traceId)).size).toBe(1);

  for (const step of [...steps, seen.find(({ name }) => name === "POST /v1/session/token")]) {
    const spans = app()
      .spans()
      .filter(({ attributes }) => attributes["segno.request.id"] === step?.requestId);
    const request = spans.find(({ name }) => name.startsWith("segno.http."));
    expect(request?.spanContext().traceId).toBe(step?.traceId);
    expect(request?.parentSpanContext?.spanId).toBe(step?.spanId);
    for (const span of spans) expect(span.spanContext().traceId).toBe(step?.traceId);

    const events = app().events.filter(({ requestId }) => requestId === step?.requestId);
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) expect(event.traceId).toBe(step?.traceId);
  }
  const issued = app().events.find(({ type }) => type === "token.issued");
  const signatures = app()
    .spans()
    .filter(
      ({ name, attributes }) => name === "segno.key.sign" && attributes["segno.request.id"] === issued?.requestId,
    );
  expect(signatures).toHaveLength(1);
  expect(signatures[0]?.attributes).toMatchObject({ custody: "local" });

  const signedIn = app().events.filter(({ traceId }) => traceId === steps[0]?.traceId);
  expect(signedIn.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["attempt.started", "login.success", "session.created"]),
  );
});
