import { SegnoError, systemClock } from "@segno/core";
import { isWebhookSignature, parseWebhookSecrets } from "./webhook-signature.js";

/** A request as it arrived. */
export interface WebhookDelivery {
  /** The body as it came, before anything parsed it. */
  readonly body: string | Uint8Array;
  /** Those of `Request` or of `node:http`. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The receiver's `whsec_` secrets: the current one, and while it is replaced the other one too. */
  readonly secrets: readonly string[];
  /** The time, in milliseconds since 1970. Default: the machine's. */
  readonly nowMs?: number;
}

/** A delivery whose signature holds. */
export interface VerifiedWebhook {
  /** The event's id. The same for each delivery of an event: keep it for as long as you must not act twice. */
  readonly id: string;
  /** CloudEvents 1.0: `type`, `time`, `subject`, `data` and the rest. */
  readonly cloudEvent: Readonly<Record<string, unknown>>;
}

const toleranceMs = 300_000;

/**
 * For who receives what `webhookSink` sends: checks `webhook-signature` (Standard Webhooks 1.0, `v1`) over the id, the time
 * and the body, and that the time is no more than five minutes away. Other libraries for Standard Webhooks do the same.
 *
 * Not checked: whether this id was here before. Within five minutes a request can be sent again by who has seen it, and
 * Segno itself delivers at least once: remember ids.
 * @throws TypeError when `secrets` are none
 * @throws SegnoError `unauthenticated` (answer 401) for every other reason; `detail.reason` is `headers`, `timestamp`,
 * `signature` or `body`
 * @example
 * import { verifyWebhook } from "@segno/server/events";
 * export async function POST(request: Request): Promise<Response> {
 *   const secrets = [process.env.SEGNO_WEBHOOK_SECRET ?? ""];
 *   const { id, cloudEvent } = verifyWebhook({ body: await request.text(), headers: request.headers, secrets });
 *   console.log(id, cloudEvent["type"]);
 *   return new Response(null, { status: 204 });
 * }
 */
export function verifyWebhook({
  body,
  headers,
  secrets,
  nowMs = systemClock.nowMs(),
}: WebhookDelivery): VerifiedWebhook {
  const keys = parseWebhookSecrets(secrets);
  if (keys === undefined) throw new TypeError("verifyWebhook: `secrets` is 1 to 5 different `whsec_` secrets.");
  const [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    headerOf(headers, name),
  );
  if (id === undefined || timestamp === undefined || signature === undefined) throw refused("headers");
  if (!/^[\w-]{1,128}$/.test(id) || !/^\d{1,12}$/.test(timestamp) || signature.length > 4_096) throw refused("headers");
  if (!isWebhookSignature(signature, keys, { id, timestamp, body })) throw refused("signature");
  if (Math.abs(Number(timestamp) * 1_000 - nowMs) > toleranceMs) throw refused("timestamp");
  return { id, cloudEvent: parse(body) };
}

function headerOf(headers: WebhookDelivery["headers"], name: string): string | undefined {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return typeof value === "string" ? value : undefined;
}

function parse(body: string | Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(typeof body === "string" ? body : new TextDecoder().decode(body));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw refused("body");
}

function refused(reason: string): SegnoError {
  return new SegnoError("unauthenticated", "This is no webhook of Segno's with one of these secrets.", {
    detail: { reason },
  });
}
