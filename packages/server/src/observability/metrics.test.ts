import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { metricDefinitions, prometheusName } from "./metrics.js";

const page = new URL("../../../../docs/concepts/observability.md", import.meta.url);
const begin = "metrics.test.ts -->\n";
const end = "<!-- end of metrics -->";

/** To write the table anew: SEGNO_UPDATE_DOCS=1 npm test -- packages/server/src/observability/metrics.test.ts */
it("the page shows every metric, its labels and what it tells", () => {
  const text = readFileSync(page, "utf8");
  const rows = metricDefinitions.map((metric) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(" ");
    return `| \`${metric.name}\` | \`${prometheusName(metric)}\` | ${metric.kind} | ${labels} | ${metric.help} |`;
  });
  const table = ["| metric | for Prometheus | kind | labels | |", "| --- | --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
  const [before, after] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end))];
  const wanted = `${before}${begin}\n${table}\n\n${after}`;
  if (process.env["SEGNO_UPDATE_DOCS"] === "1") writeFileSync(page, wanted);
  // the formatter sets the columns
  const plain = (page: string) => page.replace(/ +\|/g, " |").replace(/-{3,}/g, "---");
  expect(plain(readFileSync(page, "utf8"))).toBe(plain(wanted));
});
