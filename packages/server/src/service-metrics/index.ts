export type { ServiceMetric } from "./compute-metrics.js";
export { readMetrics, type ServiceMetrics } from "./read-metrics.js";
