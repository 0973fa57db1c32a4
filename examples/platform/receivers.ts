// What stands where a collector and another team's service would: both keep what arrives, for the demonstration.
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { verifyWebhook } from "@segno/server/events";

type Json = Readonly<Record<string, unknown>>;

interface Receiver {
  readonly url: string;
  stop(): Promise<void>;
}
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}
export interface LogRecord {
  readonly eventName: string;
  readonly traceId: string;
  readonly eventId: string;
}
export interface OtlpReceiver extends Receiver {
  spans(): readonly Span[];
  logs(): readonly LogRecord[];
}
export interface WebhookReceiver extends Receiver {
  /** Of requests whose signature holds: the type by id. */
  readonly received: ReadonlyMap<string, string>;
  readonly refused: number;
  /** While it is away every request is answered with 503. */
  isAway: boolean;
}

/** A collector that takes OTLP over HTTP in JSON. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const bodies: Json[] = [];
  const server = await listening(async (request, response) => {
    bodies.push(JSON.parse(await textOf(request)) as Json);
    response.setHeader("content-type", "application/json").end("{}");
  });
  const all = (outer: string, scope: string, inner: string): Json[] =>
    bodies
      .flatMap((body) => listOf(body[outer]))
      .flatMap((resource) => listOf(resource[scope]))
      .flatMap((each) => listOf(each[inner]));
  return {
    ...server,
    spans: () =>
      all("resourceSpans", "scopeSpans", "spans").map((span) => ({
        name: String(span["name"]),
        traceId: String(span["traceId"]),
        spanId: String(span["spanId"]),
        parentSpanId: String(span["parentSpanId"] ?? ""),
      })),
    logs: () =>
      all("resourceLogs", "scopeLogs", "logRecords").map((record) => ({
        eventName: String(record["eventName"]),
        traceId: String(record["traceId"] ?? ""),
        eventId: attribute(record, /id$/),
      })),
  };
}

/** The service of another team, which acts on sign-ins once each. */
export async function startWebhookReceiver(secret: string): Promise<WebhookReceiver> {
  const received = new Map<string, string>();
  const state = { isAway: false, refused: 0 };
  const server = await listening(async (request, response) => {
    if (state.isAway) return void response.writeHead(503).end();
    try {
      const body = await textOf(request);
      const { id, cloudEvent } = verifyWebhook({ body, headers: request.headers, secrets: [secret] });
      received.set(id, String(cloudEvent["type"]));
      response.writeHead(204).end();
    } catch {
      state.refused += 1;
      response.writeHead(401).end();
    }
  });
  return Object.assign(state, { ...server, received });
}

async function listening(listener: (...args: Parameters<RequestListener>) => Promise<void>): Promise<Receiver> {
  const server: Server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

const listOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

function attribute(record: Json, name: RegExp): string {
  const found = listOf(record["attributes"]).find(({ key }) => name.test(String(key)));
  return String(Object.values((found?.["value"] ?? {}) as Json)[0] ?? "");
}
