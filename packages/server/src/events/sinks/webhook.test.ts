import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { isSegnoError } from "@segno/core";
import { createVirtualClock } from "@segno/testing";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { runDocsBlock } from "../../../test/docs-block.js";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../../test/https-receiver.js";
import { sinkContract } from "../../../test/sink-contract.js";
import { outgoingEvent, outgoingEvents, personalCanaries } from "../../../test/sink-events.js";
import type { EventSink, OutgoingEvent, Refusal } from "../sink.js";
import { verifyWebhook, type WebhookDelivery } from "./verify-webhook.js";
import { webhookSink, type WebhookSinkOptions } from "./webhook.js";

const secretOf = (fill: number, bytes = 32): string => `whsec_${Buffer.alloc(bytes, fill).toString("base64")}`;
const [first, second, other] = [secretOf(1), secretOf(2), secretOf(3)];
const text = (value: unknown): string => (typeof value === "string" ? value : "");

await sinkContract(
  {
    name: "webhook",
    isDeduplicating: false,
    async start() {
      if (noReceiver !== undefined) return { missing: noReceiver };
      const receiver = await startHttpsReceiver();
      receiver.answerWith(({ body }) => (body.length > 1_000_000 ? 413 : 204));
      return {
        open: async () => ({ sink: sinkTo(receiver), end: async () => {} }),
        received: async () =>
          receiver.requests.map(({ headers, body }) => ({
            id: text(headers["webhook-id"]),
            type: text(headers["segno-event-type"]),
            body,
            headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, text(value)])),
          })),
        leave: receiver.leave,
        hang: receiver.hang,
        comeBack: receiver.comeBack,
        stop: receiver.stop,
      };
    },
  },
  () => {},
);

function sinkTo(receiver: HttpsReceiver, options: Partial<WebhookSinkOptions> = {}): EventSink {
  return webhookSink({
    name: "fraud",
    url: `${receiver.url}/hook`,
    secrets: [first],
    allowAddresses: ["127.0.0.1"],
    ca: receiver.ca,
    ...options,
  });
}

describe.skipIf(noReceiver !== undefined)("webhookSink", { timeout: 30_000 }, () => {
  let receiver: HttpsReceiver;
  const open: EventSink[] = [];
  beforeAll(async () => {
    receiver = await startHttpsReceiver();
  });
  afterAll(async () => await receiver.stop());
  afterEach(async () => {
    for (const sink of open.splice(0)) await sink.close?.();
    receiver.answerWith(() => 204);
    receiver.requests.length = 0;
  });
  const sinkWith = (options: Partial<WebhookSinkOptions> = {}): EventSink => {
    const sink = sinkTo(receiver, options);
    open.push(sink);
    return sink;
  };
  const deliver = async (sink: EventSink, events: readonly OutgoingEvent[]): Promise<readonly Refusal[]> =>
    (await sink.deliver(events, AbortSignal.timeout(10_000))) ?? [];
  const faultOf = async (work: Promise<unknown>): Promise<Record<string, unknown>> =>
    await work.then(
      () => expect.fail("was not rejected"),
      (error: unknown) => error as Record<string, unknown>,
    );

  it("T-114: the Standard Webhooks library and our own receiver take what is sent, by any secret of a rotation", async () => {
    const batch = outgoingEvents(5);
    expect(await deliver(sinkWith({ secrets: [second, first] }), batch)).toEqual([]);
    expect(receiver.requests).toHaveLength(5);
    for (const { method, path, headers, body } of receiver.requests) {
      expect([method, path, headers["content-type"]]).toEqual([
        "POST",
        "/hook",
        "application/cloudevents+json; charset=utf-8",
      ]);
      const sent = batch.find(({ event }) => event.id === headers["webhook-id"]);
      expect(body).toBe(sent?.cloudEvent);
      for (const secret of [first, second]) {
        expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body));
        expect(verifyWebhook({ body, headers, secrets: [secret] })).toEqual({
          id: sent?.event.id,
          cloudEvent: JSON.parse(body),
        });
      }
      expect(() => new Webhook(other).verify(body, headers as Record<string, string>)).toThrow("No matching signature");
      expect(() => verifyWebhook({ body, headers, secrets: [other] })).toThrow("no webhook");
    }
  });

  it("R053: works as the documentation shows it, at both ends", async () => {
    vi.stubEnv("FRAUD_WEBHOOK_SECRET", first);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    try {
      const local = (options: WebhookSinkOptions) => sinkWith({ ...options, url: `${receiver.url}/segno` });
      const shown = await runDocsBlock("concepts/event-sinks.md", "webhook.ts", {
        "@segno/server/events": { webhookSink: local },
      });
      const { POST } = (await runDocsBlock("concepts/event-sinks.md", "receiver.ts", {
        "@segno/server/events": { verifyWebhook },
      })) as { POST: (request: Request) => Promise<Response> };
      const sink = shown["fraud"] as EventSink;
      expect([sink.name, sink.types]).toEqual(["fraud", ["login.*", "risk.alert"]]);
      expect(await deliver(sink, outgoingEvents(2))).toEqual([]);
      for (const { method, path, headers, body } of [...receiver.requests, ...receiver.requests]) {
        const request = new Request(`https://hooks.example.com${path}`, {
          method,
          headers: headers as HeadersInit,
          body,
        });
        expect((await POST(request)).status).toBe(204);
      }
      expect(log).toHaveBeenCalledTimes(2);
    } finally {
      log.mockRestore();
      vi.unstubAllEnvs();
    }
  });

  it("signs the time of the try, not that of the event", async () => {
    const clock = createVirtualClock(1_900_000_000_999);
    const sink = sinkWith({ clock });
    const [event] = outgoingEvents(1);
    if (event === undefined) expect.fail("no event");
    await deliver(sink, [event]);
    clock.advance({ milliseconds: 3_600_000 });
    await deliver(sink, [event]);
    expect(receiver.requests.map(({ headers }) => headers["webhook-timestamp"])).toEqual(["1900000000", "1900003600"]);
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });

  it.each([200, 201, 202, 204, 299])("%i takes the event", async (status) => {
    receiver.answerWith(() => status);
    expect(await deliver(sinkWith(), outgoingEvents(1))).toEqual([]);
  });

  it.each([400, 401, 403, 404, 405, 409, 413, 415, 422, 499])("%i refuses it for now", async (status) => {
    receiver.answerWith(() => status);
    const [event] = outgoingEvents(1);
    if (event === undefined) expect.fail("no event");
    expect(await deliver(sinkWith(), [event])).toEqual([
      { id: event.event.id, reason: `http_${status}`, isFinal: false },
    ]);
  });

  it("410 refuses it for good, and the next of its subject goes on", async () => {
    const batch = outgoingEvents(3, { subject: "usr_gone" });
    receiver.answerWith(({ headers }) => (headers["webhook-id"] === batch[0]?.event.id ? 410 : 204));
    expect(await deliver(sinkWith(), batch)).toEqual([{ id: batch[0]?.event.id, reason: "http_410", isFinal: true }]);
    expect(receiver.requests).toHaveLength(2);
  });

  it("refuses what comes behind a refused event of its subject, and of no other", async () => {
    const [ada, bob] = [outgoingEvents(4, { subject: "usr_ada" }), outgoingEvents(4, { subject: "usr_bob" })];
    receiver.answerWith(({ headers }) => (headers["webhook-id"] === ada[1]?.event.id ? 422 : 204));
    const refusals = await deliver(sinkWith(), [...ada, ...bob]);
    expect(refusals.map(({ id, reason }) => [id, reason])).toEqual([
      [ada[1]?.event.id, "http_422"],
      [ada[2]?.event.id, "behind_a_refused_event"],
      [ada[3]?.event.id, "behind_a_refused_event"],
    ]);
    expect(receiver.requests).toHaveLength(5);
  });

  it.each([301, 302, 307, 308, 408, 425, 429, 500, 501, 502, 503, 504, 599])("%i means away", async (status) => {
    receiver.answerWith(() => status);
    expect(await faultOf(deliver(sinkWith(), outgoingEvents(3)))).toMatchObject({ code: `http_${status}` });
  });

  it.each([
    [429, "120", 120_000],
    [503, "7", 7_000],
    [503, "Tue, 17 Mar 2030 17:48:19 GMT", 2_300],
    [429, "99999999", 3_600_000],
    [503, "soon", 0],
    [503, "-5", 0],
    [500, "120", 0],
  ])("waits as long as %i with Retry-After %s asks, and an hour at most", async (status, value, waitMs) => {
    const clock = createVirtualClock(Date.parse("Tue, 17 Mar 2030 17:48:16.700 GMT"));
    const sink = sinkWith({ clock });
    let asked = 0;
    receiver.answerWith(() => {
      asked += 1;
      return asked > 1 ? 204 : (response) => void response.writeHead(status, { "retry-after": value }).end();
    });
    const batch = outgoingEvents(2, { subject: "usr_wait" });
    expect(await faultOf(deliver(sink, batch))).toMatchObject({ code: `http_${status}` });
    if (waitMs > 0) {
      clock.advance({ milliseconds: waitMs - 1 });
      expect(await faultOf(deliver(sink, batch))).toMatchObject({ code: "retry_after" });
      expect(asked).toBe(1);
      clock.advance({ milliseconds: 1 });
    }
    expect(await deliver(sink, batch)).toEqual([]);
  });

  it("sends at most as many at once as it may, and of one subject one", async () => {
    let now = 0;
    let most = 0;
    const busy = new Map<string, number>();
    receiver.answerWith(() => (response, { body }) => {
      const { subject } = JSON.parse(body) as { subject: string };
      now += 1;
      most = Math.max(most, now);
      busy.set(subject, (busy.get(subject) ?? 0) + 1);
      expect(busy.get(subject)).toBe(1);
      setTimeout(() => {
        now -= 1;
        busy.set(subject, 0);
        response.writeHead(204).end();
      }, 10);
    });
    const batch = Array.from({ length: 40 }, (_, index) => outgoingEvent({ subject: `usr_${index % 10}` }));
    expect(await deliver(sinkWith({ parallel: 4 }), batch)).toEqual([]);
    expect(most).toBe(4);
  });

  it("has a connection for each of the requests that it may make at once", async () => {
    let waiting: (() => void)[] = [];
    receiver.answerWith(() => (response) => {
      waiting.push(() => void response.writeHead(204).end());
      if (waiting.length < 30) return;
      for (const answer of waiting) answer();
      waiting = [];
    });
    const batch = Array.from({ length: 30 }, (_, index) => outgoingEvent({ subject: `usr_${index}` }));
    expect(await deliver(sinkWith({ parallel: 30, timeoutMs: 5_000 }), batch)).toEqual([]);
  });

  it("begins nothing more once the receiver is away", async () => {
    let asked = 0;
    receiver.answerWith(() => {
      asked += 1;
      return 503;
    });
    const batch = Array.from({ length: 40 }, (_, index) => outgoingEvent({ subject: `usr_${index}` }));
    await faultOf(deliver(sinkWith({ parallel: 4 }), batch));
    expect(asked).toBeLessThanOrEqual(4);
  });

  it("begins nothing more in the other lanes either, when one finds the receiver away", async () => {
    let asked = 0;
    receiver.answerWith(() => {
      asked += 1;
      return asked === 1 ? 503 : (response) => void setTimeout(() => response.writeHead(204).end(), 150);
    });
    const batch = Array.from({ length: 40 }, (_, index) => outgoingEvent({ subject: `usr_${index}` }));
    expect(await faultOf(deliver(sinkWith({ parallel: 4 }), batch))).toMatchObject({ code: "http_503" });
    expect(asked).toBeLessThanOrEqual(4);
  });

  it("goes by the status, whatever follows it: ten megabytes, garbage, half an answer, nothing", async () => {
    const endings: ((response: import("node:http").ServerResponse) => void)[] = [
      (response) => void response.writeHead(200).end(Buffer.alloc(10_000_000, "x")),
      (response) => void response.writeHead(200, { "content-type": "application/json" }).end("{]]\0\xff"),
      (response) => {
        response.writeHead(200, { "content-length": "1000" }).write("half");
        setTimeout(() => response.destroy(), 5);
      },
      (response) => response.writeHead(200, { "content-length": "1000" }).flushHeaders(),
    ];
    for (const ending of endings) {
      receiver.answerWith(() => ending);
      expect(await deliver(sinkWith(), outgoingEvents(2, { subject: "usr_one" }))).toEqual([]);
    }
  });

  it("means away by what is no answer: garbage, a closed connection, headers without end", async () => {
    const endings: ((response: import("node:http").ServerResponse) => void)[] = [
      (response) => void response.socket?.end("SSH-2.0-OpenSSH_9.9\r\n"),
      (response) => void response.destroy(),
      (response) => void response.socket?.end("HTTP/1.1 200"),
      (response) => void response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`),
    ];
    for (const ending of endings) {
      receiver.answerWith(() => ending);
      const fault = await faultOf(deliver(sinkWith({ timeoutMs: 2_000 }), outgoingEvents(1)));
      expect(fault["code"]).toMatch(/^[A-Za-z_]{3,40}$/);
    }
    receiver.answerWith(() => () => {});
    expect(await faultOf(deliver(sinkWith({ timeoutMs: 100 }), outgoingEvents(1)))).toMatchObject({ code: "timeout" });
  });

  it("tells nothing that the receiver wrote, and no secret", async () => {
    const marks = [...personalCanaries, first.slice(6)];
    const writes = (status: number) => (response: import("node:http").ServerResponse) =>
      void response.writeHead(status, { "x-mark": marks[0] }).end(marks.join());
    const told: unknown[] = [];
    for (const status of [400, 500]) {
      receiver.answerWith(() => writes(status));
      told.push(await deliver(sinkWith(), outgoingEvents(1)).catch((error: unknown) => error));
    }
    told.push(open);
    for (const mark of marks) expect(inspect(told, { depth: 12, showHidden: true })).not.toContain(mark);
  });
});

describe("options of webhookSink", () => {
  const fine = { name: "fraud", url: "https://hooks.example.com/x", secrets: [first] };
  const faultOf = (options: object): string => {
    try {
      webhookSink({ ...fine, ...options } as WebhookSinkOptions);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return (error as Error).message;
    }
    return "";
  };

  it("takes sound ones", () => {
    expect(faultOf({ types: ["login.success", "key.*"], tenants: ["t1"], batchSize: 10, parallel: 1 })).toBe("");
    expect(faultOf({ secrets: [secretOf(1, 24), secretOf(2, 64)], allowAddresses: ["10.0.0.0/8", "fd00::/8"] })).toBe(
      "",
    );
    expect(faultOf({ url: "http://localhost:3000/hook", allowHttpOnLocalhost: true })).toBe("");
  });

  it.each([
    ["name", [undefined, "", "Fraud", "1st", "a".repeat(41), "a b", 7]],
    ["url", [undefined, "", "hooks.example.com", "/hook", 7, `https://e.com/${"a".repeat(3_000)}`]],
    [
      "url",
      ["http://hooks.example.com/", "https://10.0.0.1/", "https://u:p@e.com/", "http://localhost/", "ftp://e.com/"],
    ],
    ["secrets", [undefined, [], [first, first], [""], ["whsec_"], [first.slice(6)], secretOf(1)]],
    ["secrets", [[secretOf(1, 23)], [secretOf(1, 65)], [first.replaceAll("=", "")], [`${first} `], [`${first}\n`]]],
    ["secrets", [Array.from({ length: 6 }, (_, fill) => secretOf(fill)), [first.replace("AQEB", "AQE-")], [7]]],
    ["types", [[], ["login"], ["*"], ["login.succes"], ["nothing.*"], "login.*"]],
    ["tenants", [[], [""], "t1"]],
    ["batchSize", [0, -1, 1.5, 1_001, "10"]],
    ["parallel", [0, 51, 1.5]],
    ["timeoutMs", [0, 60_001, Number.NaN]],
    ["allowAddresses", [[], ["10.0.0.1/8"], ["localhost"], "10.0.0.0/8"]],
    ["ca", ["", "not PEM", 7]],
  ])("names `%s` when it is wrong", (option, values) => {
    for (const value of values) expect(faultOf({ [option]: value }), inspect(value)).toContain(`\`${option}\``);
  });

  it("names all at once, and no secret", () => {
    const message = faultOf({ name: "", url: "x", secrets: ["whsec_canary4711"], parallel: 0, batchSize: 0 });
    for (const option of ["name", "url", "secrets", "parallel", "batchSize"])
      expect(message).toContain(`\`${option}\``);
    expect(message).not.toContain("canary");
  });
});

describe("verifyWebhook", () => {
  const nowMs = 1_700_000_000_000;
  const body = '{"type":"login.success"}';
  const signed = (secret: string, id = "evt_1", timestamp = `${nowMs / 1_000}`): string =>
    `v1,${createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
      .update(`${id}.${timestamp}.${body}`)
      .digest("base64")}`;
  const deliveryOf = (headers: Record<string, string | undefined> = {}, rest: Partial<WebhookDelivery> = {}) => ({
    body,
    secrets: [first],
    nowMs,
    headers: {
      "webhook-id": "evt_1",
      "webhook-timestamp": `${nowMs / 1_000}`,
      "webhook-signature": signed(first),
      ...headers,
    },
    ...rest,
  });
  const reasonOf = (delivery: WebhookDelivery): unknown => {
    try {
      verifyWebhook(delivery);
      return "taken";
    } catch (error) {
      expect(isSegnoError(error, "unauthenticated")).toBe(true);
      return isSegnoError(error) ? error.detail["reason"] : error;
    }
  };

  it("takes text, bytes and both kinds of headers", () => {
    const expected = { id: "evt_1", cloudEvent: { type: "login.success" } };
    expect(verifyWebhook(deliveryOf())).toEqual(expected);
    expect(verifyWebhook(deliveryOf({}, { body: new TextEncoder().encode(body) }))).toEqual(expected);
    const { headers } = deliveryOf();
    expect(verifyWebhook(deliveryOf({}, { headers: new Headers(headers as Record<string, string>) }))).toEqual(
      expected,
    );
  });

  it("T-114: finds the right signature in a list, and none in a list without it", () => {
    const right = signed(first);
    const list = (...parts: string[]) => reasonOf(deliveryOf({ "webhook-signature": parts.join(" ") }));
    expect(list(signed(other), right)).toBe("taken");
    expect(list("v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw", right, "v2,x")).toBe("taken");
    expect(list("", "", right)).toBe("taken");
    for (const wrong of [
      [signed(other)],
      ["v1"],
      ["v1,"],
      [","],
      [" "],
      [right.slice(0, -1)],
      [right.slice(0, 10)],
      [`${right}=`],
      [`${right}x`],
      [right.slice(3)],
      [right.replace("v1,", "v1a,")],
      [right.replace("v1,", "V1,")],
      [right.replace("v1,", "v1=")],
      [right.replace("v1,", "")],
      ["v1,null"],
      [right.replaceAll(/[^v1,]/g, "A")],
      [...Array.from({ length: 40 }, () => signed(other)), right],
    ])
      expect(list(...wrong), wrong.join(" ").slice(0, 60)).toBe("signature");
    expect(reasonOf(deliveryOf({ "webhook-signature": "" }))).toMatch(/headers|signature/);
  });

  it("T-114: refuses what is older or newer than five minutes, and what is no time", () => {
    const at = (offsetSeconds: number) => {
      const timestamp = `${nowMs / 1_000 + offsetSeconds}`;
      return reasonOf(
        deliveryOf({ "webhook-timestamp": timestamp, "webhook-signature": signed(first, "evt_1", timestamp) }),
      );
    };
    expect([at(-300), at(0), at(300)]).toEqual(["taken", "taken", "taken"]);
    expect([at(-301), at(301), at(-86_400)]).toEqual(["timestamp", "timestamp", "timestamp"]);
    for (const timestamp of ["", "x", "1e9", "-1700000000", "1700000000.0", " 1700000000", "99999999999999"])
      expect(
        reasonOf(
          deliveryOf({ "webhook-timestamp": timestamp, "webhook-signature": signed(first, "evt_1", timestamp) }),
        ),
      ).toBe("headers");
  });

  it("refuses a body, an id and a time that were not signed, and headers that are missing", () => {
    expect(reasonOf(deliveryOf({}, { body: `${body} ` }))).toBe("signature");
    expect(reasonOf(deliveryOf({ "webhook-id": "evt_2" }))).toBe("signature");
    expect(reasonOf(deliveryOf({ "webhook-timestamp": `${nowMs / 1_000 + 1}` }))).toBe("signature");
    for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"])
      expect(reasonOf(deliveryOf({ [name]: undefined }))).toBe("headers");
    expect(() => verifyWebhook(deliveryOf({}, { secrets: [] }))).toThrow(TypeError);
  });

  it("never takes a signature that another secret, body or id made", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (signature, id) => {
        expect(reasonOf(deliveryOf({ "webhook-signature": signature }))).not.toBe("taken");
        if (id !== "evt_1") expect(reasonOf(deliveryOf({ "webhook-id": id }))).not.toBe("taken");
      }),
    );
  });
});
