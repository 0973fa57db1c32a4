import { errorCodes, failureClassOf } from "@segno/core";
import { burnWindows, isOurFault, type SloDefinition, sloDays } from "./definitions.js";

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
    ...definitions.flatMap((definition) => windows.flatMap((minutes) => ratioRule(definition, spanOf(minutes)))),
    "  - name: segno-slo-alerts",
    "    rules:",
    ...definitions.flatMap((definition) => [...budgetRule(definition), ...alertRules(definition)]),
    "",
  ].join("\n");
}

function ratioRule(definition: SloDefinition, span: string): readonly string[] {
  return [
    `      - record: segno:slo_errors:ratio_rate${span}`,
    `        labels: { slo: "${definition.name}" }`,
    `        expr: ${ratioOf(definition, span)}`,
  ];
}

function budgetRule(definition: SloDefinition): readonly string[] {
  const { name, objective, days = sloDays } = definition;
  return [
    `      - record: segno:slo_budget:left`,
    `        labels: { slo: "${name}" }`,
    `        expr: 1 - (${ratioOf(definition, `${days}d`)}) / ${budgetOf(objective)}`,
  ];
}

/** Bad among all, by the metrics that Prometheus scrapes or OpenTelemetry exports anyway. Nothing while nothing happened. */
function ratioOf({ operations, underMs }: SloDefinition, span: string): string {
  const rate = (metric: string, labels: string) => `sum(rate(${metric}{${labels}}[${span}]))`;
  const ofCustody = operations.filter((operation) => operation.startsWith("custody."));
  const isCustody = ofCustody.length > 0;
  const metric = isCustody ? "segno_custody_call_duration_seconds" : "segno_operation_duration_seconds";
  const named = (isCustody ? ofCustody : operations).map((operation) => operation.replace(/^[a-z]+\./, ""));
  const which = `${isCustody ? "call" : "operation"}=~"${named.map((name) => name.replace(/\*$/, ".*")).join("|")}"`;
  if (underMs !== undefined) {
    const answered = `${which},outcome="success"`;
    const within = rate(`${metric}_bucket`, `${answered},le="${underMs / 1_000}"`);
    return `1 - ${within} / (${rate(`${metric}_count`, answered)} > 0)`;
  }
  const ours = errorCodes.filter((code) => isOurFault(failureClassOf(code)));
  const bad = rate("segno_operation_failures_total", `${which},code=~"${ours.join("|")}"`);
  return `(${bad} or vector(0)) / (${rate(`${metric}_count`, which)} > 0)`;
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
