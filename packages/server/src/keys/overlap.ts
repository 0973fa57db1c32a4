/**
 * How long keys overlap, and why. All in seconds. A verifier holds a key set for some time, its clock is off by some
 * more, and other nodes of ours notice a rotation a little later: a key signs only when nobody can hold a set without
 * it any more, and leaves the set only when nobody can still take a token for unexpired.
 */

/** How long caches may answer with a key set without asking: `max-age` of the JWKS. */
export const jwksMaxAgeSeconds = 300;
/** And how long a cache may answer with an old one while it asks: `stale-while-revalidate`. */
export const jwksStaleSeconds = 300;
/** How long another node of ours answers and signs from memory before it looks again. */
export const nodeRefreshSeconds = 60;
/** How long a verifier of ours uses a set before it asks again. */
export const verifierRefreshSeconds = 60;
/** How far a verifier's clock may be off, together with what it forgives: 90 s off and 60 s forgiven, with room. */
export const clockSkewSeconds = 180;
/** P: how long a key must have been published before it signs. 900. */
export const leastPublishSeconds: number =
  jwksMaxAgeSeconds + jwksStaleSeconds + nodeRefreshSeconds + verifierRefreshSeconds + clockSkewSeconds;

/** V: how long a key stays in the set after the last token that it signed has expired. */
export const retireSeconds: number = clockSkewSeconds + nodeRefreshSeconds + jwksMaxAgeSeconds + jwksStaleSeconds;

/** A verifier that was seen in this time is waited for before a key that it may not know begins to sign. */
export const verifierMemorySeconds = 86_400;
/** But no longer than this after the key could have signed: a verifier that is gone must not stop rotation. */
export const verifierPatienceSeconds = 86_400;

/** When a key that still has unexpired tokens may leave the set: milliseconds since the epoch. */
export function retirableAtMs(row: {
  readonly latest_exp: number | null;
  readonly verify_only_at: number | null;
}): number {
  // a node that has not seen the rotation yet may sign for a minute more: counted from there when nothing is on record
  return (row.latest_exp ?? row.verify_only_at ?? 0) + retireSeconds * 1000;
}
