// What a page may tell, and what it may not.
import { createTestSegno, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let test: TestSegno;
beforeEach(async () => {
  test = await createTestSegno();
});
afterEach(() => test.close());

const flow = "canary5550177424212345";
const exposed = { type: "ui.exposed", flow, surface: "sign_in", canUsePasskey: true };
const ended = { type: "ui.ceremony_ended", flow, surface: "sign_in", method: "passkey", durationMs: 1200 };
const uiEvents = () => test.events.filter(({ type }) => type.startsWith("ui."));

describe("R031: what a page tells", () => {
  it("becomes events that say who by the request, and name the showing by nothing that the page chose", async () => {
    const { browser, user, session } = await test.signInAs("ada@example.com");
    const sent = [exposed, { ...ended, reason: "user_cancelled" }, { ...ended, reason: "timeout" }, ended];
    expect((await browser.call("/v1/events", { events: sent })).status).toBe(204);
    await test.settle();
    const told = uiEvents();
    expect(told.map(({ type, outcome, failureClass }) => [type, outcome, failureClass])).toEqual([
      ["ui.exposed", "success", null],
      ["ui.ceremony_ended", "failure", "user_cancelled"],
      ["ui.ceremony_ended", "failure", "timeout"],
      ["ui.ceremony_ended", "success", null],
    ]);
    for (const event of told) expect(event).toMatchObject({ subject: user.id, sessionId: session.id });
    expect(JSON.stringify(told)).not.toContain(flow);
    expect(new Set(told.map(({ data }) => "flow" in data && data.flow)).size).toBe(1);
  });

  it.each([
    ["an unknown type", { ...exposed, type: "login.success" }],
    ["an unknown field", { ...exposed, subject: "ada" }],
    ["free text as a reason", { ...ended, reason: "ada@example.com" }],
    ["free text as a flow", { ...exposed, flow: "ada@example.com" }],
    ["a fraction", { ...ended, durationMs: 0.5 }],
    ["a telephone number for a duration", { ...ended, durationMs: 15_550_177_424 }],
    ["a missing field", { type: "ui.exposed", flow, surface: "sign_in" }],
  ])("T-072: %s is refused with all that came with it", async (_name, event) => {
    const answer = await test.browser().call("/v1/events", { events: [exposed, event] });
    expect(answer.status).toBe(400);
    await test.settle();
    expect(uiEvents()).toEqual([]);
  });

  it("is at most fifty events and 64 KiB a report, none empty, and of this site alone", async () => {
    const browser = test.browser();
    const many = (count: number) => ({ events: Array.from({ length: count }, () => exposed) });
    expect((await browser.call("/v1/events", many(50))).status).toBe(204);
    expect((await browser.call("/v1/events", many(51))).status).toBe(400);
    expect((await browser.call("/v1/events", many(0))).status).toBe(400);
    expect((await browser.call("/v1/events", { events: "x".repeat(70_000) })).status).toBe(413);
    const foreign = { headers: { origin: "https://evil.example" } };
    expect((await browser.call("/v1/events", many(1), foreign)).status).toBe(403);
    await test.settle();
    expect(uiEvents()).toHaveLength(50);
  });

  it("is bounded per address and over all of them", async () => {
    const browser = test.browser();
    const statuses: number[] = [];
    for (let index = 0; index < 80; index += 1) {
      statuses.push((await browser.call("/v1/events", { events: [exposed] })).status);
    }
    expect(statuses.filter((status) => status === 204)).toHaveLength(60);
    const others: number[] = [];
    for (let index = 0; index < 300; index += 1) {
      others.push((await test.browser().call("/v1/events", { events: [exposed] })).status);
    }
    expect(others.filter((status) => status === 204)).toHaveLength(240);
    await test.settle();
    expect(uiEvents()).toHaveLength(300);
  });
});
