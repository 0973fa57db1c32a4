import { burnWindows, type SloDefinition, sloDays } from "./definitions.js";

/** The counter these rules read: `segno_slo_total{slo,result}`, with `result` `good` or `bad`. */
const counter = "segno_slo_total";

/**
 * Alerting rules for Prometheus, as the text of a rule file: for each objective the error ratio over every window, the
 * budget left, and one alert per pair of windows. Read the file with `rule_files`; `promtool check rules` accepts it.
 * @example
 * ```ts
 * import { defaultSlos, prometheusRules } from "@segno/server/observability";
 * console.log(prometheusRules(defaultSlos));
 * ```
 */
export function prometheusRules(definitions: readonly SloDefinition[]): string {
  const windows = [
    ...new Set(burnWindows.flatMap(({ longMinutes, shortMinutes }) => [shortMinutes, longMinutes])),
  ].sort((one, other) => one - other);
  return [
    "groups:",
    "  - name: segno-slo-ratios",
    "    rules:",
    ...windows.flatMap((minutes) => ratioRule(minutes)),
    "  - name: segno-slo-alerts",
    "    rules:",
    ...definitions.flatMap((definition) => [...budgetRule(definition), ...alertRules(definition)]),
    "",
  ].join("\n");
}

function ratioRule(minutes: number): readonly string[] {
  const span = spanOf(minutes);
  return [
    `      - record: segno:slo_errors:ratio_rate${span}`,
    `        expr: |`,
    `          sum by (slo) (rate(${counter}{result="bad"}[${span}]))`,
    `            / (sum by (slo) (rate(${counter}[${span}])) > 0)`,
  ];
}

function budgetRule({ name, objective, days = sloDays }: SloDefinition): readonly string[] {
  const of = `${counter}{slo="${name}"`;
  return [
    `      - record: segno:slo_budget:left`,
    `        labels: { slo: "${name}" }`,
    `        expr: |`,
    `          1 - (sum(increase(${of},result="bad"}[${days}d])) / (sum(increase(${of}}[${days}d])) > 0)) / ${budgetOf(objective)}`,
  ];
}

function alertRules({ name, summary, objective }: SloDefinition): readonly string[] {
  return burnWindows.flatMap(({ severity, longMinutes, shortMinutes, burnRate }) => {
    const [long, short] = [spanOf(longMinutes), spanOf(shortMinutes)];
    const above = `${burnRate} * ${budgetOf(objective)}`;
    const ratio = (span: string) => `segno:slo_errors:ratio_rate${span}{slo="${name}"}`;
    return [
      `      - alert: SegnoErrorBudget${severity === "page" ? "Page" : "Ticket"}`,
      `        labels: { slo: "${name}", severity: ${severity}, window: ${long} }`,
      `        expr: ${ratio(long)} > ${above} and ${ratio(short)} > ${above}`,
      `        annotations:`,
      `          summary: "${name} spends its error budget ${burnRate} times too fast (over ${long} and ${short})"`,
      `          description: "The objective: ${summary}, ${objective * 100} % of the time."`,
    ];
  });
}

/** Without the dust of binary fractions: 1 - 0.999 is 0.001. */
const budgetOf = (objective: number): number => Number((1 - objective).toPrecision(6));

const spanOf = (minutes: number): string =>
  minutes % 1_440 === 0 ? `${minutes / 1_440}d` : minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
