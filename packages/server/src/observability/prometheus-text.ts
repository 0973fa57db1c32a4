import type { TelemetryFigure } from "@segno/core";
import { durationBounds, type MetricDefinition, metricDefinitions, prometheusName, safeLabel } from "./metrics.js";
import type { Registry, Series } from "./registry.js";

/** The media type of the text format, version 0.0.4. */
export const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/** Every metric in the Prometheus text format; those without a figure yet with their description alone. */
export function prometheusText(registry: Registry, figures: readonly TelemetryFigure[]): string {
  return metricDefinitions.map((definition) => metricText(definition, registry, figures)).join("");
}

function metricText(
  definition: (typeof metricDefinitions)[number],
  registry: Registry,
  figures: readonly TelemetryFigure[],
): string {
  const name = prometheusName(definition);
  const head = `# HELP ${name} ${escapeHelp(definition.help)}\n# TYPE ${name} ${definition.kind}\n`;
  if (definition.kind === "gauge") {
    const lines = figures
      .filter((figure) => figure.name === definition.name)
      .map(({ labels, value }) => {
        const values = definition.labels.map((label) => safeLabel(labels[label] ?? "none"));
        return sample(name, pairs(definition, values), value);
      });
    return head + lines.join("");
  }
  const series = registry.series(definition.name);
  const lines = series.map((line) =>
    definition.kind === "counter"
      ? sample(name, pairs(definition, line.labels), line.sum)
      : histogram(name, definition, line),
  );
  return head + lines.join("");
}

function histogram(name: string, definition: MetricDefinition, { labels, buckets, sum, count }: Series): string {
  const own = pairs(definition, labels);
  let below = 0;
  const bounds = durationBounds.map((bound, index) => {
    below += buckets[index] ?? 0;
    return sample(`${name}_bucket`, [...own, ["le", String(bound)]], below);
  });
  return [
    ...bounds,
    sample(`${name}_bucket`, [...own, ["le", "+Inf"]], count),
    sample(`${name}_sum`, own, sum),
    sample(`${name}_count`, own, count),
  ].join("");
}

type Pair = readonly [name: string, value: string];

function pairs(definition: MetricDefinition, values: readonly string[]): readonly Pair[] {
  return definition.labels.map((label, index) => [label, values[index] ?? ""]);
}

function sample(name: string, labels: readonly Pair[], value: number): string {
  const text = labels.map(([label, said]) => `${label}="${escapeLabel(said)}"`).join(",");
  return `${name}${text === "" ? "" : `{${text}}`} ${value}\n`;
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");
}

function escapeHelp(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
}
