import { type Bench, type Row, tableHead, toJson, toTableLine } from "./report.ts";
import { auditAppendBench, auditVerifyBench } from "./rows/audit.ts";
import { clientCredentialsBench } from "./rows/client-credentials.ts";
import { custodySignBench } from "./rows/custody-sign.ts";
import { passkeyBench, refreshBench, tokenIssueBench } from "./rows/engine.ts";
import { requireAccessTokenBench, requireAuthBench, sessionCookieBench, sessionHttpBench } from "./rows/express.ts";
import { outboxBench, subscribersBench } from "./rows/events.ts";
import { growthBench } from "./rows/growth.ts";
import { importTimeBench } from "./rows/import-time.ts";
import { introspectionBench, refreshHttpBench } from "./rows/oauth.ts";
import { hotStateBench, nodesBench, sessionMemoryBench } from "./rows/scale-out.ts";
import { statusListBenches } from "./rows/status-list.ts";
import { telemetryBench } from "./rows/telemetry.ts";
import { tokenCheckBenches } from "./rows/token-check.ts";
import { weightBench } from "./rows/weight.ts";

const benches: readonly Bench[] = [
  ...tokenCheckBenches,
  ...statusListBenches,
  tokenIssueBench,
  requireAccessTokenBench,
  requireAuthBench,
  sessionCookieBench,
  sessionHttpBench,
  refreshBench,
  refreshHttpBench,
  introspectionBench,
  clientCredentialsBench,
  passkeyBench,
  custodySignBench,
  auditAppendBench,
  auditVerifyBench,
  weightBench,
  importTimeBench,
  growthBench,
  nodesBench,
  hotStateBench,
  sessionMemoryBench,
  telemetryBench,
  outboxBench,
  subscribersBench,
];

const flags = new Set(process.argv.slice(2).filter((text) => text.startsWith("--")));
const names = process.argv.slice(2).filter((text) => !text.startsWith("--"));
const isJson = flags.has("--json");
const isSmoke = flags.has("--smoke");

const chosen =
  names.length === 0
    ? benches
    : benches.filter(({ name }) => names.some((asked) => asked.startsWith(name) || name.startsWith(asked)));
if (chosen.length === 0) {
  console.error(`No row is named ${names.join(" ")}. Rows: ${benches.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

if (!isJson) console.log(tableHead);
const missed: Row[] = [];
for (const bench of chosen) {
  const started = performance.now();
  const rows = await bench.run({ smoke: isSmoke, say: (text) => console.error(`  ${bench.name}: ${text}`) });
  // A name longer than its group's asks for that row alone.
  const wanted = rows.filter(
    (entry) =>
      names.length === 0 || names.some((asked) => entry.name.startsWith(asked) || bench.name.startsWith(asked)),
  );
  for (const measured of wanted) {
    const entry: Row = isSmoke ? { ...measured, budget: "not judged", holds: true } : measured;
    console.log(isJson ? toJson(entry) : toTableLine(entry, !isSmoke));
    if (!entry.holds) missed.push(entry);
  }
  if (!isJson) console.error(`  ${bench.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
if (isSmoke) console.error("Smoke run: every row ran and answered correctly. Rounds are too short to judge budgets.");
else if (missed.length > 0) {
  console.error(`Missed: ${missed.map(({ name }) => name).join(", ")}`);
  process.exitCode = 1;
}
process.exit();
