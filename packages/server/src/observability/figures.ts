import type { TelemetryFigure } from "@segno/core";
import type { Engine } from "../engine.js";
import { readOutboxFigures } from "../events/index.js";
import { countEndedAttempts } from "../attempts/index.js";

const hourMs = 3_600_000;
/** Several scrapers, or several gauges of one collection, ask once. */
const keepMs = 5_000;

/** Looks figures up in the store, at most every five seconds. */
export function createFigures(engine: Pick<Engine, "store" | "clock">): () => Promise<readonly TelemetryFigure[]> {
  let asked: { readonly atMs: number; readonly figures: Promise<readonly TelemetryFigure[]> } | undefined;
  return () => {
    const nowMs = engine.clock.nowMs();
    const ageMs = nowMs - (asked?.atMs ?? Number.NEGATIVE_INFINITY);
    if (asked === undefined || ageMs < 0 || ageMs >= keepMs) {
      const figures = readFigures(engine, nowMs);
      figures.catch(() => {
        asked = undefined;
      });
      asked = { atMs: nowMs, figures };
    }
    return asked.figures;
  };
}

async function readFigures({ store }: Pick<Engine, "store">, nowMs: number): Promise<readonly TelemetryFigure[]> {
  const outbox = await readOutboxFigures(store.db, nowMs);
  const attempts = await countEndedAttempts(store.db, { fromMs: nowMs - hourMs, untilMs: nowMs });
  return [
    { name: "segno.outbox.waiting", value: outbox.waiting, labels: {} },
    { name: "segno.outbox.lag", value: outbox.lagMs / 1_000, labels: {} },
    { name: "segno.outbox.dead_letters", value: outbox.deadLetters, labels: {} },
    ...attempts.map(({ kind, outcome, count }) => ({
      name: "segno.attempts",
      value: count,
      labels: { kind, outcome },
    })),
  ];
}
