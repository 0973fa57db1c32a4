import type { Secrets } from "../engine.js";

const maxKnown = 1_000;

/**
 * Pseudonyms of network addresses, for events: they tell that two requests came from one place, and nobody without the secret
 * can say from which. Undefined where the address is not known.
 */
export function createNetworkIds(secrets: Secrets): (clientIp: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (clientIp) => {
    if (clientIp === "unknown") return undefined;
    if (!known.has(clientIp)) {
      if (known.size >= maxKnown) known.clear();
      // the oldest secret: the pseudonym outlives the next rotation
      known.set(clientIp, secrets.macs("network.id", clientIp).at(-1)?.slice(0, 22));
    }
    return known.get(clientIp);
  };
}
