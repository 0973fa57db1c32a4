import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../test/https-receiver.js";
import { sinkContract } from "../../test/sink-contract.js";
import { outgoingEvent, outgoingEvents } from "../../test/sink-events.js";
import type { OutgoingEvent, Refusal } from "../events/index.js";
import type { PushDelivery } from "./options.js";
import { createPushStream, type PushStream, type TokenOf } from "./push-stream.js";
import { signalTypes } from "./signal-types.js";

const text = (value: unknown): string => (typeof value === "string" ? value : "");
/** The way out is what is tested here: the token is the event itself, in one word. */
const asToken: TokenOf = async ({ cloudEvent }) => Buffer.from(cloudEvent).toString("base64url");
const bodyOf = (token: string): string => Buffer.from(token, "base64url").toString();

function streamTo(receiver: HttpsReceiver, delivery: Partial<PushDelivery> = {}, tokenOf = asToken): PushStream {
  const way = { method: "push", url: `${receiver.url}/ssf`, allowAddresses: ["127.0.0.1"], ca: receiver.ca } as const;
  return createPushStream({ id: "partner", events: signalTypes, delivery: { ...way, ...delivery } }, tokenOf);
}

await sinkContract({
  name: "shared signals, push",
  isDeduplicating: false,
  async start() {
    if (noReceiver !== undefined) return { missing: noReceiver };
    const receiver = await startHttpsReceiver();
    receiver.answerWith(({ body }) => (body.length > 1_000_000 ? 400 : 202));
    return {
      open: async () => ({ sink: streamTo(receiver).sink, end: async () => {} }),
      received: async () =>
        receiver.requests.map(({ headers, body }) => {
          const event = JSON.parse(bodyOf(body)) as { id: string; type: string };
          return {
            id: event.id,
            type: event.type.split(".").slice(2, -1).join("."),
            body: bodyOf(body),
            headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, text(value)])),
          };
        }),
      leave: receiver.leave,
      hang: receiver.hang,
      comeBack: receiver.comeBack,
      stop: receiver.stop,
    };
  },
});

describe.skipIf(noReceiver !== undefined)("a stream by push (RFC 8935)", { timeout: 30_000 }, () => {
  let receiver: HttpsReceiver;
  const open: PushStream[] = [];
  beforeAll(async () => {
    receiver = await startHttpsReceiver();
  });
  afterAll(async () => await receiver.stop());
  afterEach(async () => {
    for (const { sink } of open.splice(0)) await sink.close?.();
    receiver.answerWith(() => 202);
    receiver.requests.length = 0;
  });
  const stream = (delivery: Partial<PushDelivery> = {}, tokenOf = asToken): PushStream => {
    const made = streamTo(receiver, delivery, tokenOf);
    open.push(made);
    return made;
  };
  const deliver = async ({ sink }: PushStream, events: readonly OutgoingEvent[]): Promise<readonly Refusal[]> =>
    (await sink.deliver(events, AbortSignal.timeout(10_000))) ?? [];
  const refusing = (body: string) => (response: import("node:http").ServerResponse) =>
    void response.writeHead(400, { "content-type": "application/json" }).end(body);

  it("posts the token alone, as its media type says, with the authorization of the receiver", async () => {
    const event = outgoingEvent();
    expect(await deliver(stream({ authorization: "Bearer of-the-receiver" }), [event])).toEqual([]);
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: "POST", path: "/ssf", body: await asToken(event) });
    expect(request?.headers).toMatchObject({
      "content-type": "application/secevent+jwt",
      accept: "application/json",
      authorization: "Bearer of-the-receiver",
    });
  });

  it.each(["invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied"])(
    "%s refuses it for now, by that name, and holds back what follows of the subject",
    async (err) => {
      receiver.answerWith(() => refusing(JSON.stringify({ err, description: "canary.ada.4711@example.com" })));
      const batch = outgoingEvents(3, { subject: "usr_ada" });
      const refusals = await deliver(stream(), batch);
      expect(refusals.map(({ reason, isFinal }) => [reason, isFinal])).toEqual([
        [err, false],
        ["behind_a_refused_event", undefined],
        ["behind_a_refused_event", undefined],
      ]);
      expect(JSON.stringify(refusals)).not.toContain("canary");
    },
  );

  it("invalid_request sets the event aside, and the next of its subject goes on", async () => {
    const batch = outgoingEvents(3, { subject: "usr_ada" });
    const first = await asToken(batch[0] ?? outgoingEvent());
    receiver.answerWith(({ body }) => (body === first ? refusing('{"err":"invalid_request"}') : 202));
    expect(await deliver(stream(), batch)).toEqual([
      { id: batch[0]?.event.id, reason: "invalid_request", isFinal: true },
    ]);
    expect(receiver.requests).toHaveLength(2);
  });

  it.each([
    "",
    "null",
    "[]",
    "{",
    '"invalid_key"',
    '{"err":7}',
    '{"err":"canary"}',
    '{"err":["invalid_key"]}',
    "\0\xff",
  ])("%j says nothing more than its status", async (body) => {
    receiver.answerWith(() => refusing(body));
    const [event] = outgoingEvents(1);
    if (event === undefined) expect.fail("no event");
    expect(await deliver(stream(), [event])).toEqual([{ id: event.event.id, reason: "http_400", isFinal: false }]);
  });

  it("a refusal without end is no answer", async () => {
    receiver.answerWith(() => refusing("x".repeat(1_000_000)));
    await expect(deliver(stream(), outgoingEvents(1))).rejects.toMatchObject({ code: "answer_too_large" });
  });

  it("is away while nothing can be signed, and sends nothing", async () => {
    const unsigned = stream({}, async () => await Promise.reject(new Error("no key")));
    await expect(deliver(unsigned, outgoingEvents(2))).rejects.toThrow("no key");
    expect(receiver.requests).toEqual([]);
  });

  it("passes over what no signal tells of", async () => {
    const none = stream({}, async () => undefined);
    expect(await deliver(none, outgoingEvents(2))).toEqual([]);
    expect(receiver.requests).toEqual([]);
  });

  it("keeps the order of a subject", async () => {
    const batch = Array.from({ length: 40 }, (_, index) => outgoingEvent({ subject: `usr_${index % 5}` }));
    expect(await deliver(stream(), batch)).toEqual([]);
    const seen = receiver.requests.map(({ body }) => JSON.parse(bodyOf(body)) as { id: string; subject: string });
    for (const subject of new Set(seen.map((each) => each.subject)))
      expect(seen.filter((each) => each.subject === subject).map(({ id }) => id)).toEqual(
        batch.filter(({ event }) => event.subject === subject).map(({ event }) => event.id),
      );
  });

  it("T-081: reaches no private address unless it is listed, whatever the name says", async () => {
    const { allowAddresses: _, ...open } = { allowAddresses: undefined, url: `${receiver.url}/ssf` };
    const closed = createPushStream(
      { id: "partner", events: signalTypes, delivery: { method: "push", ...open, ca: receiver.ca } },
      asToken,
    );
    await expect(deliver(closed, outgoingEvents(1))).rejects.toMatchObject({ code: "address_refused" });
    await closed.sink.close?.();
    expect(receiver.requests).toEqual([]);
    for (const url of [
      "http://partner.example/",
      "https://127.0.0.1/",
      "https://169.254.169.254/latest",
      "https://[::1]/",
    ])
      expect(() => streamTo(receiver, { url, allowAddresses: ["10.0.0.0/8"] })).toThrow(TypeError);
    receiver.answerWith(() => (response) => void response.writeHead(307, { location: "https://10.0.0.1/" }).end());
    await expect(deliver(stream(), outgoingEvents(1))).rejects.toMatchObject({ code: "http_307" });
  });

  it("takes no authorization that is more than one header", () => {
    for (const authorization of ["Bearer a\r\nx: y", "", "Bearer ü", "Bearer a\n"])
      expect(() => stream({ authorization })).toThrow("authorization");
  });
});
