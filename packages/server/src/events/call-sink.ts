import type { CallResult } from "./offer.js";
import type { EventSink, OutgoingEvent, Refusal } from "./sink.js";

/** Calls to a sink, each with its time limit. */
export interface SinkCaller {
  call(events: readonly OutgoingEvent[]): Promise<CallResult>;
  /** True when several calls never settled: each holds its events in memory, so there are no more until one ends. */
  isStuck(): boolean;
  /** Aborts what is under way and resolves when it has settled, or after a moment. */
  stop(): Promise<void>;
}

const mostUnsettled = 3;

export function createSinkCaller(sink: EventSink, timeoutMs: number): SinkCaller {
  const unsettled = new Map<Promise<unknown>, AbortController>();

  async function call(events: readonly OutgoingEvent[]): Promise<CallResult> {
    const controller = new AbortController();
    const { promise: tooLate, resolve: giveUp } = Promise.withResolvers<CallResult>();
    controller.signal.addEventListener("abort", () => giveUp({ fault: "timeout" }), { once: true });
    const timer = setTimeout(() => controller.abort(), timeoutMs);
    const answered = answerOf(sink, events, controller.signal);
    unsettled.set(answered, controller);
    void answered.then(() => unsettled.delete(answered));
    try {
      return await Promise.race([answered, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    call,
    isStuck: () => unsettled.size >= mostUnsettled,
    async stop() {
      for (const controller of unsettled.values()) controller.abort();
      const moment = new Promise((resolve) => setTimeout(resolve, 1_000).unref());
      await Promise.race([Promise.all(unsettled.keys()), moment]);
    },
  };
}

async function answerOf(sink: EventSink, events: readonly OutgoingEvent[], signal: AbortSignal): Promise<CallResult> {
  try {
    const answer: unknown = await sink.deliver(events, signal);
    if (answer === undefined || answer === null) return { refusals: [] };
    return Array.isArray(answer) ? { refusals: answer.map(refusalOf) } : { fault: "bad_answer" };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

/** What an answer's refusal says, without what does not belong into a table or a terminal. */
function refusalOf(given: Partial<Refusal> | null): Refusal {
  const { id, reason, isFinal } = given ?? {};
  return { id: String(id), reason: plain(reason) ?? "refused", isFinal: isFinal === true };
}

/** A code or a class, never a message: a message may quote anything. What `fetch` throws has the code in its cause. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return "rejected";
  const { cause } = error;
  const codes = [error, cause].map((each) => (each instanceof Error && "code" in each ? plain(each.code) : undefined));
  return codes.find((code) => code !== undefined) ?? plain(error.name) ?? "rejected";
}

function plain(text: unknown): string | undefined {
  return typeof text === "string" && /^[\w .:/-]{1,100}$/.test(text) ? text : undefined;
}
