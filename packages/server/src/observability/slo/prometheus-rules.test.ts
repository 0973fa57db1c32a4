import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isInstalled } from "../../../test/peers.js";
import { defaultSlos } from "./definitions.js";
import { grafanaDashboard } from "./grafana-dashboard.js";
import { prometheusRules } from "./prometheus-rules.js";

const hasPromtool = isInstalled("promtool");
if (!hasPromtool) it.skip("skipped: promtool is not installed (Debian: prometheus)", () => {});

describe.skipIf(!hasPromtool)("rules for Prometheus, by promtool", () => {
  const folder = mkdtempSync(join(tmpdir(), "segno-rules-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) => execFileSync("promtool", args, { cwd: folder, encoding: "utf8" });
  writeFileSync(join(folder, "segno.yml"), prometheusRules(defaultSlos));

  it("are good rules, without a lint", () => {
    expect(run("check", "rules", "segno.yml")).toMatch(/SUCCESS: \d+ rules found/);
  });

  it("R044: fire both pages for a synthetic burn, at the computed times, and nothing before", () => {
    // 100 a minute, from minute 500 on ten of them bad: the hour is over 1.44 % after 8.6 minutes, six hours over 0.6 % after 21.6
    const labels = (window: string) =>
      `exp_labels: { slo: sign-in-success, severity: page, window: ${window} }
            exp_annotations:
              summary: "sign-in-success spends its error budget ${window === "1h" ? 14.4 : 6} times too fast (over ${
                window === "1h" ? "1h and 5m" : "6h and 30m"
              })"
              description: "The objective: ${defaultSlos[0]?.summary}, 99.9 % of the time."`;
    const alert = (minute: number, windows: readonly string[]) =>
      `      - eval_time: ${minute}m
        alertname: SegnoErrorBudgetPage
        exp_alerts:${windows.length === 0 ? " []" : windows.map((window) => `\n          - ${labels(window)}`).join("")}`;
    writeFileSync(
      join(folder, "test.yml"),
      `rule_files: [segno.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'segno_operation_duration_seconds_count{operation="verifyEmailCode",outcome="success"}'
        values: '0+100x500 50090+90x200'
      - series: 'segno_operation_duration_seconds_count{operation="verifyEmailCode",outcome="failure"}'
        values: '0x500 10+10x200'
      - series: 'segno_operation_failures_total{operation="verifyEmailCode",code="store_unavailable"}'
        values: '0x500 10+10x200'
    alert_rule_test:
${[alert(499, []), alert(506, []), alert(512, ["1h"]), alert(519, ["1h"]), alert(526, ["1h", "6h"])].join("\n")}
`,
    );
    expect(run("test", "rules", "test.yml")).toContain("SUCCESS");
  });
});

describe("the dashboard", () => {
  it("has two panels per objective and reads what the rules record", () => {
    const rules = prometheusRules(defaultSlos);
    const { panels } = grafanaDashboard(defaultSlos) as {
      panels: { id: number; title: string; targets: { expr: string }[] }[];
    };
    expect(panels).toHaveLength(defaultSlos.length * 2);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { targets } of panels) {
      const [name = ""] = /segno[:_][a-z_:0-9]+/.exec(targets[0]?.expr ?? "") ?? [];
      expect(rules).toContain(`record: ${name}`);
    }
  });
});
