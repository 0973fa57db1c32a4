import { type Clock, type DpopProofUse, SegnoError } from "@segno/core";

/**
 * Remembers the DPoP proofs this process has seen, until they expire by themselves. Several processes behind one
 * address each have their own: give `isReplay` a shared store where one use per cluster matters.
 * A full memory refuses (`store_unavailable`) rather than forgetting a proof that could still be played again.
 */
export function createReplayCache(clock: Clock, maxEntries = 100_000): (use: DpopProofUse) => boolean {
  const expiries = new Map<string, number>();
  let sweepAtSeconds = 0;
  return ({ jkt, jti, expiresAtSeconds }) => {
    const nowSeconds = clock.nowMs() / 1000;
    if (nowSeconds >= sweepAtSeconds || expiries.size >= maxEntries) {
      for (const [key, expiry] of expiries) if (expiry < nowSeconds) expiries.delete(key);
      sweepAtSeconds = nowSeconds + 30;
    }
    const key = `${jkt} ${jti}`;
    if (expiries.has(key)) return true;
    if (expiries.size >= maxEntries) throw new SegnoError("store_unavailable", "The replay memory is full.");
    expiries.set(key, expiresAtSeconds);
    return false;
  };
}
