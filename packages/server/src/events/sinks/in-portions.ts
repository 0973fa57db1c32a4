import type { OutgoingEvent } from "../sink.js";

/** The events in order, in portions of at most so many bytes; one that is bigger is alone. */
export function inPortions(events: readonly OutgoingEvent[], maxBytes: number): OutgoingEvent[][] {
  const portions: OutgoingEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = Buffer.byteLength(event.cloudEvent);
    if (bytes + size > maxBytes) {
      portions.push([]);
      bytes = 0;
    }
    portions.at(-1)?.push(event);
    bytes += size;
  }
  return portions;
}
