import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { eventSchemaVersions, type SegnoEvent, type SegnoEventType } from "@segno/core";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { runDocsBlock } from "../../../test/docs-block.js";
import { everyEvent, outgoingOf } from "../../../test/every-event.js";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../../test/https-receiver.js";
import { personalCanaries } from "../../../test/sink-events.js";
import type { EventSink, OutgoingEvent } from "../sink.js";
import { productAnalyticsSink, type ProductAnalyticsSinkOptions } from "./product-analytics.js";
import { analyticsUserId } from "./pseudonym.js";

interface Track {
  readonly event: string;
  readonly userId?: string;
  readonly anonymousId: string;
  readonly messageId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

const pseudonymKey = Buffer.alloc(32, 7).toString("base64");
const security: readonly SegnoEventType[] = [
  ...(["risk.alert", "token.issued", "token.exchanged", "token.refreshed", "token.revoked", "policy.decided"] as const),
  ...([
    "user.suspended",
    "user.resumed",
    "subject.erased",
    "client.created",
    "client.revoked",
    "key.created",
    "key.rotated",
  ] as const),
  ...(["key.retired", "key.compromised", "key.destroyed", "key.used", "key.custody_failed"] as const),
  ...(["key.custody_recovered", "slo.alert", "slo.recovered"] as const),
];

describe.skipIf(noReceiver !== undefined)("productAnalyticsSink", { timeout: 30_000 }, () => {
  let receiver: HttpsReceiver;
  const open: EventSink[] = [];
  beforeAll(async () => {
    receiver = await startHttpsReceiver();
  });
  afterAll(async () => await receiver.stop());
  afterEach(async () => {
    for (const sink of open.splice(0)) await sink.close?.();
    receiver.answerWith(() => 200);
    receiver.requests.length = 0;
    vi.unstubAllEnvs();
  });
  const sinkWith = (options: Partial<ProductAnalyticsSinkOptions> = {}): EventSink => {
    const local = { url: `${receiver.url}/v1/batch`, allowAddresses: ["127.0.0.1"], ca: receiver.ca };
    const sink = productAnalyticsSink({ name: "analytics", pseudonymKey, ...options, ...local });
    open.push(sink);
    return sink;
  };
  const deliver = async (events: readonly OutgoingEvent[], sink = sinkWith()) =>
    (await sink.deliver(events, AbortSignal.timeout(10_000))) ?? [];
  const tracks = (): readonly Track[] =>
    receiver.requests.flatMap(({ body }) => (JSON.parse(body) as { batch: Track[] }).batch);
  const sent = async (type: SegnoEventType, envelope: Partial<SegnoEvent> = {}): Promise<Track> => {
    await deliver([outgoingOf(type, envelope)]);
    return tracks().at(-1) ?? expect.fail(`${type} was not sent`);
  };

  it("R048: posts a batch as the documentation shows it, in the common form of tracking", async () => {
    vi.stubEnv("SEGMENT_WRITE_KEY", "write-key-4711");
    vi.stubEnv("ANALYTICS_KEY", pseudonymKey);
    const { analytics } = await runDocsBlock("concepts/event-sinks.md", "analytics.ts", {
      "@segno/server/events": { productAnalyticsSink: sinkWith },
    });
    const events = [outgoingOf("ui.exposed"), outgoingOf("login.success")];
    expect(await deliver(events, analytics as EventSink)).toEqual([]);
    expect(receiver.requests).toHaveLength(1);
    const [request] = receiver.requests;
    expect(request?.headers).toMatchObject({
      "content-type": "application/json",
      authorization: `Basic ${Buffer.from("write-key-4711:").toString("base64")}`,
    });
    expect(JSON.parse(request?.body ?? "")).toEqual({
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      batch: [
        expect.objectContaining({ type: "track", event: "ui.exposed" }),
        {
          type: "track",
          event: "login.success",
          messageId: expect.stringMatching(/^[\w-]{22}$/),
          timestamp: "2027-01-15T07:00:00.123Z",
          userId: analyticsUserId(pseudonymKey, "usr_ada"),
          anonymousId: expect.stringMatching(/^[\w-]{22}$/),
          properties: {
            outcome: "success",
            deviceClass: "phone",
            experiment: "passkey-first",
            variant: "b",
            method: "passkey",
            acr: "phr",
            isNewUser: false,
          },
          context: { library: { name: "segno" } },
        },
      ],
    });
  });

  it("R048: no id of a person, session, request, token, browser or event ever leaves, whatever the event", async () => {
    const marks = [
      "usr_",
      "ses_",
      "req_",
      "cli_",
      "dev_",
      "ten_",
      "jti_",
      "fam_",
      "att_",
      "pk_",
      "kid_",
      "flow_",
      "0af7",
      "0199c0de",
    ];
    await deliver(everyEvent());
    const text = receiver.requests.map(({ body }) => body).join();
    for (const mark of [...marks, ...personalCanaries]) expect(text).not.toContain(mark);
    expect(new Set(tracks().map(({ event }) => event))).toEqual(
      new Set(Object.keys(eventSchemaVersions).filter((type) => !security.includes(type as SegnoEventType))),
    );
  });

  it("T-072: what stands where a name should is dropped, also in properties that are allowed", async () => {
    const canaries = [
      ...personalCanaries,
      "Ada Lovelace",
      "+49 30 1234",
      "2001:db8::7",
      "a@b.c",
      "1.2.3.4",
      "A".repeat(43),
    ];
    for (const canary of canaries) {
      const data = { reason: canary, method: canary, purpose: canary, fields: [canary], acr: canary, surprise: canary };
      for (const type of ["session.revoked", "user.updated", "login.failure", "email.verified"] as const)
        await deliver([outgoingOf(type, { data: data as never, experiment: canary, variant: canary })]);
    }
    const text = receiver.requests.map(({ body }) => body).join();
    for (const canary of canaries.filter((each) => !each.startsWith("canary-token")))
      expect(text).not.toContain(canary);
    expect(tracks().every(({ properties }) => !("surprise" in properties))).toBe(true);
  });

  it("gives one person one pseudonym under one key, and another under another", async () => {
    const [first, again] = [await sent("login.success"), await sent("session.created")];
    expect(again.userId).toBe(first.userId);
    await deliver([outgoingOf("login.success")], sinkWith({ pseudonymKey: Buffer.alloc(32, 8).toString("base64") }));
    const other = tracks().at(-1);
    expect([other?.userId, other?.anonymousId]).not.toEqual([first.userId, first.anonymousId]);
    expect(other?.userId).not.toBe(first.userId);
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), (one, two) => {
        const name = analyticsUserId(pseudonymKey, one);
        expect(name === analyticsUserId(pseudonymKey, two)).toBe(one === two);
        expect(name).not.toContain(one.slice(0, 8));
      }),
    );
  });

  it("calls whoever is not signed in by the browser, else by the screen, else by nothing that lasts", async () => {
    const nobody = { subject: null, deviceId: null } as const;
    const [one, two] = [await sent("ui.exposed", nobody), await sent("ui.abandoned", nobody)];
    expect([one.userId, one.anonymousId]).toEqual([undefined, two.anonymousId]);
    expect((await sent("attempt.started", nobody)).anonymousId).not.toBe(
      (await sent("attempt.started", nobody)).anonymousId,
    );
    const browser = { subject: null } as const;
    expect((await sent("attempt.started", browser)).anonymousId).toBe((await sent("ui.exposed", browser)).anonymousId);
  });

  it("makes a redelivery recognisable", async () => {
    const event = outgoingOf("login.success");
    await deliver([event]);
    await deliver([event]);
    expect(new Set(tracks().map(({ messageId }) => messageId)).size).toBe(1);
    expect((await sent("login.success")).messageId).not.toBe(tracks()[0]?.messageId);
  });

  it("asks for nothing when there is nothing to send", async () => {
    expect(await deliver(security.map((type) => outgoingOf(type)))).toEqual([]);
    expect(await deliver([])).toEqual([]);
    expect(receiver.requests).toEqual([]);
    await expect(sinkWith().deliver([outgoingOf("login.success")], AbortSignal.abort())).rejects.toThrow();
  });

  it("lets the engine find the event that a batch is refused for", async () => {
    receiver.answerWith(({ body }) => (body.includes("email_code") ? 400 : 200));
    const [bad, good] = [outgoingOf("login.failure"), outgoingOf("login.success")];
    await expect(deliver([good, bad])).rejects.toMatchObject({ code: "http_400" });
    expect(await deliver([good])).toEqual([]);
    expect(await deliver([bad])).toEqual([{ id: bad.event.id, reason: "http_400", isFinal: false }]);
    receiver.answerWith(() => 410);
    expect((await deliver([good, bad])).every(({ isFinal }) => isFinal)).toBe(true);
    receiver.answerWith(() => 503);
    await expect(deliver([good])).rejects.toMatchObject({ code: "http_503" });
  });

  it("gives up on a receiver that hangs, and goes by the status when it talks for ever", async () => {
    receiver.answerWith(() => () => {});
    await expect(deliver([outgoingOf("login.success")], sinkWith({ timeoutMs: 100 }))).rejects.toMatchObject({
      code: "timeout",
    });
    receiver.answerWith(() => (response) => void response.writeHead(200).end(Buffer.alloc(10_000_000)));
    expect(await deliver([outgoingOf("login.success")])).toEqual([]);
  });
});

describe("options of productAnalyticsSink", () => {
  const fine = { name: "analytics", url: "https://api.segment.io/v1/batch", pseudonymKey };
  const make = (options: object) => () => productAnalyticsSink({ ...fine, ...options } as ProductAnalyticsSinkOptions);

  it("names what is wrong, and no key", () => {
    expect(make({ writeKey: "abc" })).not.toThrow();
    const keys = [undefined, "", "short", randomBytes(31).toString("base64"), randomBytes(65).toString("base64"), 7];
    for (const key of keys) expect(make({ pseudonymKey: key }), inspect(key)).toThrow(/`pseudonymKey`/);
    for (const key of ["", "a b", "a:b", "a\nb", 7]) expect(make({ writeKey: key })).toThrow(/`writeKey`/);
    expect(make({ name: "", url: "x", pseudonymKey: "canary4711", writeKey: "" })).toThrow(
      /productAnalyticsSink: `pseudonymKey`.*`writeKey`.*`name`.*`url`/,
    );
    expect(make({ pseudonymKey: "canary4711" })).not.toThrow(/canary/);
    expect(() => analyticsUserId("canary4711", "usr_1")).toThrow(TypeError);
  });
});
