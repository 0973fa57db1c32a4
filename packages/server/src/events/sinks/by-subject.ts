import type { OutgoingEvent, Refusal } from "../sink.js";

/** @returns undefined when the receiver has the event */
type Hand = (event: OutgoingEvent) => Promise<Answer | undefined>;
type Answer = Omit<Refusal, "id">;

/**
 * Hands events over one by one: those of one subject in their order, those of different subjects at the same time. What
 * comes after a refused event of its subject is refused with it, so that it is offered again behind that one. When the
 * receiver is away, nothing further is begun.
 * @param parallel how many at the same time
 */
export async function handOverBySubject(
  events: readonly OutgoingEvent[],
  parallel: number,
  hand: Hand,
): Promise<readonly Refusal[]> {
  const lanes = [...Map.groupBy(events, (each) => each.event.subject ?? each).values()];
  const refusals: Refusal[] = [];
  let hasFailed = false;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let lane = lanes[next++]; lane !== undefined; lane = lanes[next++]) {
      let isBehind = false;
      for (const each of lane) {
        if (hasFailed) return;
        const refusal: Answer | undefined = isBehind ? { reason: "behind_a_refused_event" } : await hand(each);
        if (refusal === undefined) continue;
        refusals.push({ id: each.event.id, ...refusal });
        isBehind ||= refusal.isFinal !== true;
      }
    }
  };
  const workers = Array.from({ length: Math.min(parallel, lanes.length) }, async () => {
    try {
      await work();
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  });
  const ended = await Promise.allSettled(workers);
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  return refusals;
}
