import { systemClock } from "@segno/core";
import type { EventSink } from "../sink.js";
import { toTrack } from "./analytics-track.js";
import { choiceOf } from "./choice.js";
import { createHttpPost, type HttpSinkOptions } from "./http-post.js";
import { createOptionFaults } from "./option-faults.js";
import { parsePseudonymKey } from "./pseudonym.js";

/** Options of `productAnalyticsSink`. */
export interface ProductAnalyticsSinkOptions extends HttpSinkOptions {
  /**
   * What ids are hidden under: 32 to 64 random bytes in base64, of this sink alone. With another key everybody is somebody
   * new; without it nobody can tell who is who.
   */
  readonly pseudonymKey: string;
  /** Sent as the user name of HTTP Basic, as Segment and RudderStack take it. Default: none. */
  readonly writeKey?: string;
}

/**
 * Posts what people do with sign-in to product analytics: `{ batch: [track, ...] }` in the form that Segment made common and
 * others take. `userId` and `anonymousId` are pseudonyms of the user and the browser, `messageId` one of the event. Ids of
 * sessions, requests, tokens, passkeys and clients stay; so does every property that is not on the list of its event, and
 * every value that is no plain name. Events about tokens, keys, policies and alerts are not sent.
 *
 * Not checked: that consent was given where the law asks for it. A 4xx answers for a whole batch: the engine then finds the
 * event that it is about, by smaller batches.
 * @throws TypeError at once, naming every option that is wrong and no key
 * @example
 * import { productAnalyticsSink } from "@segno/server/events";
 * const sink = productAnalyticsSink({
 *   name: "analytics",
 *   url: "https://api.segment.io/v1/batch",
 *   writeKey: process.env.SEGMENT_WRITE_KEY ?? "",
 *   pseudonymKey: process.env.ANALYTICS_KEY ?? "",
 * });
 */
export function productAnalyticsSink(options: ProductAnalyticsSinkOptions): EventSink {
  const { clock = systemClock, writeKey } = options;
  const faults = createOptionFaults("productAnalyticsSink");
  const key = parsePseudonymKey(options.pseudonymKey) ?? Buffer.alloc(0);
  faults.require(key.length > 0, "`pseudonymKey` is 32 to 64 bytes in base64");
  const isWriteKey =
    writeKey === undefined || (typeof writeKey === "string" && /^[\x21-\x39\x3b-\x7e]{1,200}$/.test(writeKey));
  faults.require(isWriteKey, "`writeKey` is text of up to 200 characters without spaces and colons");
  const http = createHttpPost(options, faults, 1);
  const headers = {
    "content-type": "application/json",
    "user-agent": "segno",
    ...(writeKey === undefined ? {} : { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString("base64")}` }),
  };
  return {
    ...choiceOf(options, options.name),
    async deliver(events, signal) {
      signal.throwIfAborted();
      const tracks = events.map((each) => ({ id: each.event.id, track: toTrack(key, each) }));
      const sent = tracks.filter(({ track }) => track !== undefined);
      if (sent.length === 0) return [];
      const body = { batch: sent.map(({ track }) => track), sentAt: new Date(clock.nowMs()).toISOString() };
      const rejection = await http.post(JSON.stringify(body), headers, signal);
      if (rejection === undefined) return [];
      if (sent.length > 1 && !rejection.isFinal) throw batchRefused(rejection.reason);
      return sent.map(({ id }) => ({ id, ...rejection }));
    },
    close: async () => http.close(),
  };
}

function batchRefused(code: string): Error {
  return Object.assign(new Error(`The receiver of events refused a batch (${code}).`), { code });
}
