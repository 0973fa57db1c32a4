import { type Clock, isSegnoError, systemClock } from "@segno/core";
import { createEgress, type Egress } from "../../http/egress.js";
import type { SinkChoice } from "./choice.js";
import { checkChoice, checkHttpChoice, type OptionFaults } from "./option-faults.js";

/** How a sink reaches a receiver over HTTP. */
export interface HttpSinkOptions extends SinkChoice {
  /** Names its place in the order of events, kept over restarts. `[a-z][a-z0-9-]{0,39}`, unique per engine. */
  readonly name: string;
  /** Where events are posted: `https`. Redirects are not followed. */
  readonly url: string;
  /**
   * Addresses and ranges that may be reached although they are not public, for example `["10.0.4.0/24"]`. Default none: a
   * receiver in your own network has to be listed, so that no name leads there by surprise.
   */
  readonly allowAddresses?: readonly string[];
  /** Takes `http://localhost`, for development. Default false. */
  readonly allowHttpOnLocalhost?: boolean;
  /** Certificate authorities as PEM that the receiver's certificate must come from, instead of the well-known ones. */
  readonly ca?: string | readonly string[];
  /** How long one request may take, in milliseconds, 60000 at most. Default 15000. The engine's own limit comes on top. */
  readonly timeoutMs?: number;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** What a receiver said no to, in a word for the operator. */
export interface Rejection {
  readonly reason: string;
  readonly isFinal: boolean;
}

export interface HttpPost {
  /**
   * @returns undefined when the receiver has it
   * @throws Error when it is away: no answer, a server's fault, or it asked for time
   */
  readonly post: (
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) => Promise<Rejection | undefined>;
  readonly close: () => void;
}

/** For receivers that say in the answer why they refuse. */
export interface RefusalText {
  /** A longer answer is taken for none. */
  readonly maxAnswerBytes: number;
  /** @returns one of the reasons that are known, undefined for anything else: the status is told then */
  readonly reasonOf: (body: Uint8Array) => string | undefined;
}

/** However long a receiver asks for, it is asked again after this. */
const longestWaitSeconds = 3_600;
/** These say nothing about the event: too slow, too early, too many. */
const notTheEvent: readonly number[] = [408, 425, 429];

/**
 * Posts to one address through the checked way out, and reads what the answer's status means.
 * @param faults where everything wrong with the options is told; thrown here when there is any
 * @param maxConnections as many as there are requests at the same time: one that waits for a connection uses up its time
 */
export function createHttpPost(
  options: HttpSinkOptions,
  faults: OptionFaults,
  maxConnections: number,
  refusal?: RefusalText,
): HttpPost {
  checkChoice(faults, options);
  checkHttpChoice(faults, options);
  faults.throwIfAny();
  const { clock = systemClock, allowAddresses, allowHttpOnLocalhost, ca, timeoutMs } = options;
  const url = new URL(options.url);
  const egress = createEgress({ allowAddresses, allowHttpOnLocalhost, ca, timeoutMs, maxConnections });
  const refused = egress.refusalOf(url);
  faults.require(refused === undefined, `\`url\` is refused: ${refused}`);
  faults.throwIfAny();
  let waitsUntilMs = 0;

  return {
    async post(body, headers, signal) {
      signal.throwIfAborted();
      if (clock.nowMs() < waitsUntilMs) throw away("retry_after");
      const most = refusal === undefined ? {} : { maxAnswerBytes: refusal.maxAnswerBytes };
      const { status, headers: answered, body: said } = await send(egress, { url, body, headers, signal, ...most });
      if (status >= 200 && status < 300) return undefined;
      if (status < 400 || status >= 500 || notTheEvent.includes(status)) {
        const seconds = retryAfterSeconds(answered["retry-after"], clock);
        if (seconds > 0 && (status === 429 || status === 503)) waitsUntilMs = clock.nowMs() + seconds * 1_000;
        throw away(`http_${status}`);
      }
      const named = status === 400 ? refusal?.reasonOf(said) : undefined;
      return { reason: named ?? `http_${status}`, isFinal: status === 410 };
    },
    close: egress.close,
  };
}

interface Posted {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly maxAnswerBytes?: number;
}

async function send(egress: Egress, posted: Posted): ReturnType<Egress["send"]> {
  try {
    return await egress.send({ method: "POST", ...posted });
  } catch (error) {
    const reason = isSegnoError(error) ? error.detail["reason"] : undefined;
    throw away(typeof reason === "string" ? reason : isSegnoError(error) ? error.code : "network");
  }
}

/** @param code what the operator sees in place of a message */
function away(code: string): Error {
  return Object.assign(new Error(`The receiver of events is away (${code}).`), { code });
}

/** Seconds or a date (RFC 9110 section 10.2.3); 0 for anything else. */
function retryAfterSeconds(value: string | undefined, clock: Clock): number {
  if (value === undefined) return 0;
  const seconds = /^\d{1,10}$/.test(value) ? Number(value) : (Date.parse(value) - clock.nowMs()) / 1_000;
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(seconds, 0), longestWaitSeconds);
}
