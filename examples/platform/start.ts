// `node start.ts` starts everything and waits; `node start.ts --show` shows what arrives where, and ends.
import { MissingServers, startPlatform } from "./platform.ts";
import { show } from "./show.ts";

const isShow = process.argv.includes("--show");
const say = (line: string) => console.log(`  ${line}`);

try {
  const platform = await startPlatform(say);
  if (isShow) {
    console.log();
    process.exitCode = (await show(platform, say).finally(() => platform.stop())) ? 0 : 1;
  } else {
    console.log(`\n  Open  ${platform.prometheusUrl}/graph?g0.expr=segno_sign_ins_total . Stop with Ctrl+C.\n`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void platform.stop());
  }
} catch (error) {
  if (!(error instanceof MissingServers)) throw error;
  const isOptional = isShow && process.env.SEGNO_REQUIRE_PEERS !== "1";
  console.error(`\n  ${isOptional ? "skipped" : "Cannot start"}: ${error.message}.`);
  console.error("  On Debian: apt-get install --no-install-recommends nats-server prometheus\n");
  process.exitCode = isOptional ? 0 : 1;
}
