import { SegnoError } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, type Route } from "../http/index.js";
import type { Keyrings } from "../keys/index.js";
import { publicDocument } from "../tokens/index.js";
import { authorizeStream } from "./authorize-stream.js";
import { streamDocument, transmitterDocument } from "./describe.js";
import type { RunningSignals } from "./open.js";
import type { SharedSignals } from "./options.js";
import { pollStream } from "./poll.js";
import { receiverRoutes } from "./receiver-routes.js";
import { verifyStream } from "./verify-stream.js";

/** What the routes need besides the engine. */
export interface SignalRoutesParts {
  readonly keyrings: Keyrings;
  readonly running: RunningSignals;
}

const anything = v.record(v.string(), v.unknown());
const common = { tag: "shared signals", access: "public" } as const;
/** The token of a stream is no access token of ours, and no browser sends it by itself. */
const machines = { ...common, crossSite: true, rate: "token" } as const;
const document = { 200: { description: "The document, cacheable.", schema: anything }, 304: { description: "Same." } };
const streamId = { stream_id: "The stream; left out, the one of the token." };

/** Nothing of this is there unless it is configured. */
export function signalRoutes(engine: Engine, signals: SharedSignals | undefined, parts: SignalRoutesParts): Route[] {
  if (signals === undefined) return [];
  const { streams } = signals;
  const received = receiverRoutes(engine, signals.transmitters);
  if (streams.length === 0) return received;
  return [
    ...received,
    ...documents(engine, parts),
    ...management(engine, signals, parts),
    poll(engine, signals, parts),
  ];
}

function documents({ config }: Engine, { keyrings }: SignalRoutesParts): Route[] {
  const told = transmitterDocument(config);
  return [
    defineRoute({
      ...common,
      method: "GET",
      path: "/.well-known/ssf-configuration",
      operationId: "getSharedSignalsConfiguration",
      summary: "What this transmitter of Shared Signals offers (SSF 1.0 section 7.1).",
      answers: document,
      handle: async ({ request }) => publicDocument(told, request),
    }),
    defineRoute({
      ...common,
      method: "GET",
      path: "/.well-known/ssf-jwks.json",
      operationId: "getSharedSignalsKeySet",
      summary: "The public keys of security event tokens (RFC 7517), which sign no access token.",
      answers: document,
      handle: async ({ request, clientIp }) => {
        const ring = await keyrings.of("document");
        const reply = publicDocument(await ring.publicKeys(), request);
        const holdsCurrent = reply.status === 304 || request.headers.get("if-none-match") === null;
        ring.noteFetch({ name: request.headers.get("segno-verifier") ?? undefined, address: clientIp, holdsCurrent });
        return reply;
      },
    }),
  ];
}

function management(engine: Engine, { streams }: SharedSignals, { running }: SignalRoutesParts): Route[] {
  const ofQuery = (query: URLSearchParams) => query.get("stream_id") ?? undefined;
  return [
    defineRoute({
      ...machines,
      method: "GET",
      path: "/v1/ssf/stream",
      operationId: "getSignalStream",
      summary: "The stream of a token (SSF 1.0 section 8.1.1). It is made and changed by configuration.",
      query: streamId,
      answers: { 200: { description: "The stream.", schema: anything } },
      handle: async ({ request, query }) => {
        const stream = authorizeStream(streams, request.headers.get("authorization"), ofQuery(query));
        return { json: streamDocument(engine.config, stream) };
      },
    }),
    defineRoute({
      ...machines,
      method: "GET",
      path: "/v1/ssf/status",
      operationId: "getSignalStreamStatus",
      summary: "Whether the stream is on (SSF 1.0 section 8.1.2): it is as long as it is configured.",
      query: streamId,
      answers: { 200: { description: "The status.", schema: anything } },
      handle: async ({ request, query }) => {
        const { id } = authorizeStream(streams, request.headers.get("authorization"), ofQuery(query));
        return { json: { stream_id: id, status: "enabled" } };
      },
    }),
    defineRoute({
      ...machines,
      method: "POST",
      path: "/v1/ssf/verify",
      operationId: "verifySignalStream",
      summary: "Sends a verification event over the stream (SSF 1.0 section 8.1.4).",
      body: v.strictObject({
        stream_id: v.pipe(v.string(), v.maxLength(64)),
        state: v.optional(v.pipe(v.string(), v.maxLength(1024))),
      }),
      answers: { 204: { description: "It is on its way, or was tried once." } },
      handle: async ({ request, body }) => {
        const stream = authorizeStream(streams, request.headers.get("authorization"), body.stream_id);
        await verifyStream(engine, running, stream, body.state);
        return { status: 204 };
      },
    }),
  ];
}

const jti = v.pipe(v.string(), v.maxLength(256));
const pollBody = v.strictObject({
  maxEvents: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  returnImmediately: v.optional(v.boolean()),
  ack: v.optional(v.pipe(v.array(jti), v.maxLength(1_000))),
  setErrs: v.optional(v.pipe(v.record(jti, v.object({ err: v.string() })), v.maxEntries(1_000))),
});

function poll(engine: Engine, { streams }: SharedSignals, { running }: SignalRoutesParts): Route {
  return defineRoute({
    ...machines,
    method: "POST",
    path: "/v1/ssf/poll/{id}",
    operationId: "pollSignals",
    summary: "Hands out security event tokens that wait, until they are acknowledged (RFC 8936). Answers at once.",
    body: pollBody,
    maxBodyBytes: 256 * 1024,
    answers: { 200: { description: "The tokens by `jti`, and whether more wait.", schema: anything } },
    handle: async ({ request, params, body }) => {
      const { id, delivery } = authorizeStream(streams, request.headers.get("authorization"), params["id"] ?? "");
      if (delivery.method !== "poll") throw new SegnoError("not_found");
      return { json: await pollStream(engine, running.sign, id, body) };
    },
  });
}
