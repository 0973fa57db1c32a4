import { type SloDefinition, sloDays } from "./definitions.js";

/**
 * A dashboard for Grafana 10 and later, as the object its import takes: a row per objective with what is
 * left of its budget and how fast it goes. It reads what `prometheusRules` records.
 * @example
 * ```ts
 * import { defaultSlos, grafanaDashboard } from "@segno/server/observability";
 * console.log(JSON.stringify(grafanaDashboard(defaultSlos), null, 2));
 * ```
 */
export function grafanaDashboard(definitions: readonly SloDefinition[]): Readonly<Record<string, unknown>> {
  return {
    title: "Segno: service levels",
    uid: "segno-slo",
    tags: ["segno"],
    timezone: "browser",
    schemaVersion: 39,
    refresh: "1m",
    time: { from: "now-7d", to: "now" },
    templating: {
      list: [{ name: "source", label: "Data source", type: "datasource", query: "prometheus", hide: 0 }],
    },
    panels: definitions.flatMap((definition, row) => panelsOf(definition, row)),
  };
}

function panelsOf({ name, summary, objective, days = sloDays }: SloDefinition, row: number): readonly object[] {
  const y = row * 8;
  const id = row * 2 + 1;
  const share = 1 - objective;
  return [
    panel({
      id,
      type: "stat",
      title: `${name}: budget left of ${days} days`,
      description: `${summary}, ${objective * 100} % of the time.`,
      expr: `segno:slo_budget:left{slo="${name}"}`,
      unit: "percentunit",
      steps: [
        { color: "red", value: null },
        { color: "orange", value: 0.1 },
        { color: "green", value: 0.25 },
      ],
      place: { x: 0, y, w: 6, h: 8 },
    }),
    panel({
      id: id + 1,
      type: "timeseries",
      title: `${name}: bad, and where a page is due`,
      description: "The line at the top is the pace that wakes somebody after an hour.",
      expr: `segno:slo_errors:ratio_rate1h{slo="${name}"}`,
      unit: "percentunit",
      steps: [
        { color: "green", value: null },
        { color: "red", value: 14.4 * share },
      ],
      place: { x: 6, y, w: 18, h: 8 },
    }),
  ];
}

interface PanelFacts {
  readonly id: number;
  readonly type: "stat" | "timeseries";
  readonly title: string;
  readonly description: string;
  readonly expr: string;
  readonly unit: string;
  readonly steps: readonly { readonly color: string; readonly value: number | null }[];
  readonly place: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

function panel({ id, type, title, description, expr, unit, steps, place }: PanelFacts): object {
  const datasource = { type: "prometheus", uid: "${source}" };
  return {
    id,
    type,
    title,
    description,
    datasource,
    gridPos: place,
    targets: [{ refId: "A", expr, datasource }],
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: "absolute", steps },
        ...(type === "timeseries" ? { custom: { thresholdsStyle: { mode: "line" } } } : {}),
      },
      overrides: [],
    },
  };
}
