import { defaultSlos, grafanaDashboard, prometheusRules } from "@segno/server/observability";
import type { Command, CommandInput } from "../command.js";

const ofEngine = async ({ engine }: CommandInput) => (await engine("store")).slos;

export const sloRulesCommand: Command = {
  name: "slo rules",
  summary: "prints the alerting rules of the objectives for Prometheus",
  notes: [
    "Write it to a file and name that in rule_files. The rules read the metrics that GET /metrics or",
    "OpenTelemetry export. With --defaults no engine is looked at.",
  ],
  options: { defaults: { type: "boolean", help: "the objectives an engine has unless told otherwise" } },
  example: "$ segno slo rules --defaults > segno-rules.yml",
  failsWhen: "the engine cannot be loaded",
  async run(input) {
    const slos = input.values["defaults"] === true ? defaultSlos : await ofEngine(input);
    const text = prometheusRules(slos);
    return { ok: true, json: { rules: text }, text: text.trimEnd() };
  },
};

export const sloDashboardCommand: Command = {
  name: "slo dashboard",
  summary: "prints a dashboard of the objectives for Grafana",
  notes: ["Import it; it asks for the Prometheus that reads the rules of segno slo rules."],
  options: { defaults: { type: "boolean", help: "the objectives an engine has unless told otherwise" } },
  example: "$ segno slo dashboard --defaults > segno-dashboard.json",
  failsWhen: "the engine cannot be loaded",
  async run(input) {
    const slos = input.values["defaults"] === true ? defaultSlos : await ofEngine(input);
    const dashboard = grafanaDashboard(slos);
    return { ok: true, json: dashboard, text: JSON.stringify(dashboard, null, 2) };
  },
};
