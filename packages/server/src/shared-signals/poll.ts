import type { Engine } from "../engine.js";
import { isKnownError } from "./push-stream.js";
import type { SignSet } from "./sign-set.js";
import { dropWaiting, readWaiting } from "./store.js";

/** What a receiver asks for and says of what it got (RFC 8936 section 2.2). */
export interface PollRequest {
  readonly maxEvents?: number | undefined;
  readonly ack?: readonly string[] | undefined;
  readonly setErrs?: Readonly<Record<string, { readonly err: string }>> | undefined;
}

/** What it gets (RFC 8936 section 2.3). */
export interface PollAnswer {
  /** By `jti`. The same come again until they are acknowledged. */
  readonly sets: Readonly<Record<string, string>>;
  readonly moreAvailable: boolean;
}

/** Signed in one request at most. */
const mostAtOnce = 100;

/**
 * Forgets what the receiver has, or refused, and hands out the oldest that wait. Always answers at once.
 * @throws SegnoError `key_unavailable`, `store_unavailable`
 */
export async function pollStream(
  { store, log }: Pick<Engine, "store" | "log">,
  sign: SignSet,
  stream: string,
  { maxEvents = mostAtOnce, ack = [], setErrs = {} }: PollRequest,
): Promise<PollAnswer> {
  for (const { err } of Object.values(setErrs))
    log.warn("A receiver refused a signal.", { stream, reason: isKnownError(err) ? err : "unknown" });
  await dropWaiting(store.db, { stream, jtis: [...ack, ...Object.keys(setErrs)] });
  const limit = Math.min(maxEvents, mostAtOnce);
  const waiting = await readWaiting(store.db, { stream, limit: limit + 1 });
  const sets: [string, string][] = [];
  for (const { jti, claims } of waiting.slice(0, limit))
    sets.push([jti, await sign(JSON.parse(claims) as Readonly<Record<string, unknown>>)]);
  return { sets: Object.fromEntries(sets), moreAvailable: waiting.length > limit };
}
