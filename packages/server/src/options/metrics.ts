import type { MetricsOptions, SegnoOptions } from "../config.js";

export function readMetrics(
  given: SegnoOptions["metrics"],
  token: string | undefined,
  faults: string[],
): MetricsOptions | undefined {
  if (given === false || (given === undefined && token === undefined)) return undefined;
  const options = typeof given === "object" ? given : token === undefined ? {} : { token };
  if (options.token !== undefined && !/^[\x21-\x7e]{32,}$/.test(options.token))
    faults.push("metrics.token: must be at least 32 random characters without blanks: openssl rand -base64 32");
  return options;
}
