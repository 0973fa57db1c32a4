import type { Send } from "./transport.js";
import type { UiEvent } from "./wire.js";

const waitMs = 1_000;

/**
 * Collects what a screen tells of itself and sends it in few requests: a second after the first, or at once when the page
 * goes away. Nothing waits for it, nothing is tried again, and nothing is told of its failure: it is not worth a sign-in.
 * @param beaconUrl where a beacon may go, which always carries cookies
 */
export function createReport(
  send: Send,
  beaconUrl: () => string | undefined,
): (event: UiEvent, isLast?: boolean) => void {
  let events: UiEvent[] = [];
  const flush = (isLast?: boolean) => {
    if (!events.length) return;
    const body = { events };
    events = [];
    const url = isLast && beaconUrl();
    const blob = () => new Blob([JSON.stringify(body)], { type: "application/json" });
    if (!(url && globalThis.navigator?.sendBeacon?.(url, blob())))
      void send({ method: "POST", path: "/v1/events", body, keepalive: true });
  };
  return (event, isLast) => {
    if (events.push(event) === 1) setTimeout(flush, waitMs);
    if (isLast) flush(true);
  };
}
