import { createHmac, timingSafeEqual } from "node:crypto";

const prefix = "whsec_";
const fewestBytes = 24;
const mostBytes = 64;

/** The bytes of a secret as Standard Webhooks writes it, or undefined. One spelling for each: no other base64 is read. */
export function parseWebhookSecret(secret: unknown): Buffer | undefined {
  if (typeof secret !== "string" || !secret.startsWith(prefix) || secret.length > 128) return undefined;
  const bytes = Buffer.from(secret.slice(prefix.length), "base64");
  if (bytes.length < fewestBytes || bytes.length > mostBytes) return undefined;
  return bytes.toString("base64") === secret.slice(prefix.length) ? bytes : undefined;
}

/** The same for a list; undefined when one of them is none, when one comes twice, or when there are none or too many. */
export function parseWebhookSecrets(secrets: unknown): readonly Buffer[] | undefined {
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.length > 5) return undefined;
  if (new Set(secrets).size !== secrets.length) return undefined;
  const parsed = secrets.map(parseWebhookSecret);
  return parsed.every((bytes) => bytes !== undefined) ? parsed : undefined;
}

interface SignedParts {
  readonly id: string;
  /** Whole seconds since 1970, as it stands in the header. */
  readonly timestamp: string;
  readonly body: string | Uint8Array;
}

/** `webhook-signature`: one for each secret, so that a receiver that knows any of them can check. */
export function webhookSignature(secrets: readonly Buffer[], parts: SignedParts): string {
  return secrets.map((secret) => `v1,${macOf(secret, parts).toString("base64")}`).join(" ");
}

/** Whether one signature of the header is by one of the secrets. Every pair is compared, in constant time. */
export function isWebhookSignature(header: string, secrets: readonly Buffer[], parts: SignedParts): boolean {
  const macs = secrets.map((secret) => macOf(secret, parts));
  let isSigned = false;
  for (const signature of header.split(" ").slice(0, 32)) {
    const encoded = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(signature)?.[1];
    if (encoded === undefined) continue;
    const given = Buffer.from(encoded, "base64");
    for (const mac of macs) isSigned = timingSafeEqual(mac, given) || isSigned;
  }
  return isSigned;
}

function macOf(secret: Buffer, { id, timestamp, body }: SignedParts): Buffer {
  return createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest();
}
