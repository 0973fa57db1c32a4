export { createOperationCounter, type OperationCounter } from "./count-operations.js";
export { defaultSlos, type SloDefinition, sloFaults } from "./definitions.js";
export type { BurnAlert, SloState } from "./burn-rate.js";
export type { RateDrop } from "./learn-hours.js";
export { grafanaDashboard } from "./grafana-dashboard.js";
export { prometheusRules } from "./prometheus-rules.js";
export { reportSlos, type SloReport, watchSlos, writeCounts } from "./watch-slos.js";
