import type { TelemetryFigure } from "@segno/core";
import type { Engine } from "../engine.js";
import { readOutboxFigures } from "../events/index.js";
import { countEndedAttempts } from "../attempts/index.js";

const hourMs = 3_600_000;
/** Several scrapers, or several gauges of one collection, ask once. */
const keepMs = 5_000;

/** What has figures of its own. */
interface FigureSources {
  /** How far the audit log is behind; left out where none is kept. */
  readonly auditWaiting?: () => Promise<number>;
}

/** Looks figures up in the store, at most every five seconds. */
export function createFigures(
  engine: Pick<Engine, "store" | "clock"> & FigureSources,
): () => Promise<readonly TelemetryFigure[]> {
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

async function readFigures(
  { store, auditWaiting }: Pick<Engine, "store"> & FigureSources,
  nowMs: number,
): Promise<readonly TelemetryFigure[]> {
  const outbox = await readOutboxFigures(store.db, nowMs);
  const attempts = await countEndedAttempts(store.db, { fromMs: nowMs - hourMs, untilMs: nowMs });
  return [
    { name: "segno.outbox.waiting", value: outbox.waiting, labels: {} },
    ...(auditWaiting === undefined ? [] : [{ name: "segno.audit.waiting", value: await auditWaiting(), labels: {} }]),
    { name: "segno.outbox.lag", value: outbox.lagMs / 1_000, labels: {} },
    { name: "segno.outbox.dead_letters", value: outbox.deadLetters, labels: {} },
    ...attempts.map(({ kind, outcome, count }) => ({
      name: "segno.attempts",
      value: count,
      labels: { kind, outcome },
    })),
  ];
}
