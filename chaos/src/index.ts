import { createPeers } from "./peers/peers.ts";
import {
  type ChaosRow,
  type Figure,
  PeerMissing,
  type RunOptions,
  skipped,
  tableHead,
  toJson,
  toTableLine,
} from "./report.ts";
import { vaultDown } from "./rows/f01-vault-down.ts";
import { vaultSlow } from "./rows/f02-vault-slow.ts";
import { databaseDown } from "./rows/f03-database-down.ts";
import { databaseFailover } from "./rows/f04-database-failover.ts";
import { databaseSlow } from "./rows/f05-database-slow.ts";
import { redisLost } from "./rows/f06-redis-lost.ts";
import { randomKills } from "./rows/f08-kills.ts";
import { lostReplies } from "./rows/f09-lost-replies.ts";
import { diskFull } from "./rows/f10-disk-full.ts";
import { shuffledEvents } from "./rows/f11-shuffled-events.ts";
import { poisonEvent } from "./rows/f12-poison-event.ts";
import { webhookDown } from "./rows/f13-webhook-down.ts";
import { mailDown } from "./rows/f14-mail-down.ts";
import { rotation } from "./rows/f15-rotation.ts";
import { keyKill } from "./rows/f16-key-kill.ts";
import { coldHerd } from "./rows/f17-cold-herd.ts";
import { refreshStorm } from "./rows/f18-refresh-storm.ts";
import { auditTamper } from "./rows/f24-audit-tamper.ts";

const rows: readonly ChaosRow[] = [
  vaultDown,
  vaultSlow,
  databaseDown,
  databaseFailover,
  databaseSlow,
  redisLost,
  randomKills,
  lostReplies,
  diskFull,
  shuffledEvents,
  poisonEvent,
  webhookDown,
  mailDown,
  rotation,
  keyKill,
  coldHerd,
  refreshStorm,
  auditTamper,
];

const flags = new Set(process.argv.slice(2).filter((text) => text.startsWith("--")));
const names = process.argv.slice(2).filter((text) => !text.startsWith("--"));
const isJson = flags.has("--json");
const isBroken = flags.has("--break");

const unknownFlags = [...flags].filter((flag) => !["--json", "--smoke", "--long", "--break"].includes(flag));
const unknownRows = names.filter((name) => !rows.some((row) => row.name === name.toUpperCase()));
if (unknownFlags.length + unknownRows.length > 0) {
  console.error(`Not known: ${[...unknownFlags, ...unknownRows].join(", ")}.`);
  console.error(`Rows: ${rows.map(({ name }) => name).join(", ")}. Flags: --json, --smoke, --long, --break.`);
  process.exit(2);
}
const asked = new Set(names.map((name) => name.toUpperCase()));
const chosen = asked.size === 0 ? rows : rows.filter(({ name }) => asked.has(name));

const peers = createPeers();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => void peers.stop().finally(() => process.exit(130)));
}
const unfinished = "the row ran to its end";
const failed = new Set<string>();
const skippedRows = new Set<string>();
const started = performance.now();
if (!isJson) console.log(tableHead);
try {
  for (const row of chosen) {
    const since = performance.now();
    if (!isJson) console.error(`${row.name} ${row.what}${isBroken ? `, without ${row.breaks}` : ""}`);
    const figures = await measure(row);
    for (const entry of figures) console.log(isJson ? toJson(entry) : toTableLine(entry));
    // a row that stays green without its protection measures nothing
    const isGood = figures.every(({ holds }) => holds);
    const isSkipped = figures.every(({ what }) => what.startsWith("skipped: "));
    if (isSkipped) skippedRows.add(row.name);
    const hasEnded = !figures.some(({ what }) => what === unfinished);
    if (isBroken && !isSkipped && hasEnded ? isGood : !isGood) failed.add(row.name);
    if (!isJson)
      console.error(`      ${((performance.now() - since) / 1000).toFixed(1)} s; compressed: ${row.compressed}`);
  }
} finally {
  await peers.stop();
}
console.error(
  `${chosen.length} rows in ${((performance.now() - started) / 1000).toFixed(0)} s. ${verdict(failed.size)}${failed.size === 0 ? "" : `: ${[...failed].join(", ")}`}`,
);
process.exit(failed.size === 0 ? 0 : 1);

async function measure(row: ChaosRow): Promise<readonly Figure[]> {
  const options: RunOptions = {
    isSmoke: flags.has("--smoke"),
    isLong: flags.has("--long"),
    isBroken,
    peers,
    say: (text) => console.error(`      ${text}`),
  };
  try {
    return await row.run(options);
  } catch (error) {
    if (error instanceof PeerMissing) return [skipped(row.name, error.message)];
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    console.error(message);
    return [{ row: row.name, what: unfinished, figure: "no", limit: "yes", holds: false }];
  }
}

function verdict(count: number): string {
  if (isBroken)
    return count === 0
      ? "Every row failed without its protection, as it must"
      : "Stayed green without their protection";
  const skippedText = skippedRows.size === 0 ? "" : `, skipped: ${[...skippedRows].join(", ")}`;
  return count === 0 ? `Every row holds${skippedText}` : "Do not hold";
}
