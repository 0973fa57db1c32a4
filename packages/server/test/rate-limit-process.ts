// Takes 40 times over a limit of 7 from a database that another process uses as well; prints how many passed.
import { createRateLimiter } from "../src/http/rate-limiter.js";
import { sqlBuckets } from "../src/storage/rate-buckets.js";
import { sourceAt } from "./stores.js";

const store = await sourceAt(process.argv[2] ?? "").open();
const limiter = createRateLimiter({
  buckets: sqlBuckets(store.db),
  clock: { nowMs: () => 1_800_000_000_000 },
  isOn: true,
});
const rule = { name: "two", limit: 7, windowSeconds: 60 };
const takes = await Promise.allSettled(Array.from({ length: 40 }, () => limiter.take(rule, "a")));
console.log(takes.filter((take) => take.status === "fulfilled").length);
await store.close();
process.exit(0);
