// Where a request says it comes from, in events and nowhere else.
import { createTestSegno, type TestSegno, type TestSegnoOptions } from "@segno/testing";
import { afterEach, describe, expect, it } from "vitest";

let test: TestSegno;
afterEach(() => test.close());

async function eventOf(options: TestSegnoOptions, headers: Record<string, string> = {}, userAgent?: string) {
  test = await createTestSegno(options);
  const browser = test.browser(userAgent === undefined ? {} : { userAgent });
  await browser.call("/v1/passkeys/sign-in/options", {}, { headers });
  const [event] = await test.eventsOf("attempt.started");
  return event;
}

describe("R041: an event says where its request came from", () => {
  it("names trace, tenant, variant and kind of device", async () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const event = await eventOf(
      {
        tenant: ({ url }) => new URL(url).hostname.split(".")[0] ?? null,
        experiment: ({ method }) => ({ experiment: "passkey-first", variant: method }),
      },
      { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148",
    );
    expect(event).toMatchObject({
      traceId: trace,
      tenantId: "app",
      experiment: "passkey-first",
      variant: "POST",
      deviceClass: "phone",
      deviceId: null,
      actor: { type: "user", id: null },
      outcome: "success",
      failureClass: null,
    });
  });

  it.each([
    ["no version", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ["zeros", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`],
    ["text", "ada@example.com"],
  ])("takes no trace from %s", async (_name, traceparent) => {
    expect((await eventOf({}, { traceparent }))?.traceId).toBeNull();
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
    ["answers text that is no plain name", () => "ada@example.com"],
    ["answers too much", () => "x".repeat(65)],
    ["answers something else", () => 7 as never],
  ])("T-072: a tenant that %s is none, and the request goes on", async (_name, tenant: () => string) => {
    const event = await eventOf({ tenant });
    expect(event?.tenantId).toBeNull();
    expect(event?.type).toBe("attempt.started");
  });

  it("knows a browser again by a pseudonym that its cookie does not show", async () => {
    test = await createTestSegno();
    const { browser } = await test.signInAs("ada@example.com");
    await browser.call("/v1/sign-out", {});
    await browser.call("/v1/passkeys/sign-in/options", {});
    await browser.call("/v1/passkeys/sign-in/options", {});
    const started = (await test.eventsOf("attempt.started")).slice(-2);
    const [first, second] = started.map(({ deviceId }) => deviceId);
    expect(first).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(second).toBe(first);
    expect(browser.cookies.header(new URL(test.origin))).not.toContain(first);
    const other = await test.signInAs("eve@example.com");
    await other.browser.call("/v1/passkeys/sign-in/options", {});
    expect((await test.eventsOf("attempt.started")).at(-1)?.deviceId).not.toBe(first);
  });

  it("R036: what an operator does is an operator's, and a service's token is a service's", async () => {
    test = await createTestSegno();
    const { user } = await test.signInAs("ada@example.com");
    await test.segno.api.suspendUser(user.id);
    const [suspended] = await test.eventsOf("user.suspended");
    expect(suspended).toMatchObject({ subject: user.id, actor: { type: "operator", id: null } });
    const [created] = await test.eventsOf("user.created");
    expect(created?.actor).toEqual({ type: "user", id: user.id });
    const [key] = await test.eventsOf("key.created");
    expect(key?.actor.type).toBe("system");
  });
});
