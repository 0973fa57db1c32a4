import { createHmac } from "node:crypto";

/** The bytes of a key of pseudonyms, or undefined. One spelling for each: no other base64 is read. */
export function parsePseudonymKey(key: unknown): Buffer | undefined {
  if (typeof key !== "string" || key.length > 128) return undefined;
  const bytes = Buffer.from(key, "base64");
  return bytes.length >= 32 && bytes.length <= 64 && bytes.toString("base64") === key ? bytes : undefined;
}

/** What an id of one kind is called outside. Without the key nobody gets from one to the other, or guesses ids. */
export function pseudonymOf(key: Buffer, kind: "subject" | "device" | "flow" | "event", id: string): string {
  return createHmac("sha256", key)
    .update(`segno:analytics:${kind}:${id}`)
    .digest()
    .subarray(0, 16)
    .toString("base64url");
}

/**
 * What `productAnalyticsSink` calls a user, for requests to delete or correct what an analytics service knows.
 * @param pseudonymKey the same as the sink's
 * @throws TypeError when the key is none
 * @example
 * import { analyticsUserId } from "@segno/server/events";
 * const toDelete = analyticsUserId(process.env.ANALYTICS_KEY ?? "", "0199c0de-0000-7000-8000-000000000001");
 */
export function analyticsUserId(pseudonymKey: string, userId: string): string {
  const key = parsePseudonymKey(pseudonymKey);
  if (key === undefined) throw new TypeError("analyticsUserId: `pseudonymKey` is 32 to 64 bytes in base64.");
  return pseudonymOf(key, "subject", userId);
}
