// `node start.ts` starts everything and waits; `node start.ts --show` shows what it is good for, and ends.
import { MissingServers, startCluster } from "./cluster.ts";
import { show } from "./show.ts";

const isShow = process.argv.includes("--show");
const say = (line: string) => console.log(`  ${line}`);

try {
  const cluster = await startCluster(say);
  if (isShow) {
    console.log();
    process.exitCode = (await show(cluster, say).finally(() => cluster.stop())) ? 0 : 1;
  } else {
    console.log(`\n  Open  ${cluster.url}/api/auth/health/ready  or run "pnpm run show". Stop with Ctrl+C.\n`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void cluster.stop());
  }
} catch (error) {
  if (!(error instanceof MissingServers)) throw error;
  const isOptional = isShow && process.env.SEGNO_REQUIRE_PEERS !== "1";
  console.error(`\n  ${isOptional ? "skipped" : "Cannot start"}: ${error.message}.`);
  console.error("  On Debian: apt-get install --no-install-recommends postgresql redis-server nginx\n");
  process.exitCode = isOptional ? 0 : 1;
}
