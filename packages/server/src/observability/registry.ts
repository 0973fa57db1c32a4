import { durationBounds, type MetricName, metricDefinitions, type Recorder, safeLabel } from "./metrics.js";

/** One line of a counter or histogram: its labels in the order of the definition. */
export interface Series {
  readonly labels: readonly string[];
  sum: number;
  count: number;
  /** Of a histogram: how many were at most each bound, not summed up. */
  readonly buckets: number[];
}

/** Figures in memory, of this process since its start. */
export interface Registry extends Recorder {
  series(name: MetricName): readonly Series[];
}

/** Per metric. Beyond it everything goes into one line called `other`: a scrape never grows without bound. */
const maxSeries = 300;

const byName = new Map(metricDefinitions.map((definition) => [definition.name, definition]));

/** Keeps counters and histograms. */
export function createRegistry(): Registry {
  const metrics = new Map<MetricName, Map<string, Series>>();

  function seriesOf(name: MetricName, values: readonly string[]): Series {
    let all = metrics.get(name);
    if (all === undefined) metrics.set(name, (all = new Map()));
    const key = values.join("\n");
    const known = all.get(key);
    if (known !== undefined) return known;
    const isFull = all.size >= maxSeries;
    const labels = isFull ? values.map(() => "other") : values.map(safeLabel);
    const safeKey = labels.join("\n");
    const made = all.get(safeKey) ?? { labels, sum: 0, count: 0, buckets: [] };
    all.set(safeKey, made);
    return made;
  }

  return {
    line(name, labels) {
      const definition = byName.get(name);
      if (definition === undefined) return () => {};
      const values = definition.labels.map((label) => labels[label] ?? "none");
      const series = seriesOf(name, values);
      const isHistogram = definition.kind === "histogram";
      return (value) => {
        series.sum += value;
        series.count += 1;
        if (!isHistogram) return;
        const at = bucketOf(value);
        series.buckets[at] = (series.buckets[at] ?? 0) + 1;
      };
    },
    series: (name) => [...(metrics.get(name)?.values() ?? [])],
  };
}

/** The first bound that holds it; one past the last for what is above all. */
function bucketOf(value: number): number {
  let at = 0;
  while (at < durationBounds.length && !(value <= (durationBounds[at] ?? 0))) at += 1;
  return at;
}
