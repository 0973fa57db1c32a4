export { createClockWatch } from "./clock-watch.js";
export { createEngineMetrics, type EngineMetrics } from "./engine-metrics.js";
export { createFigures } from "./figures.js";
export { observedCheck, observedSigner, observedTransport } from "./observed.js";
export { type FoundRequest, findRequests } from "./find-request.js";
export { createObserver } from "./observer.js";
export { metricsRoutes } from "./routes.js";
export {
  type BurnAlert,
  createOperationCounter,
  defaultSlos,
  type OperationCounter,
  type RateDrop,
  reportSlos,
  type SloDefinition,
  sloFaults,
  type SloReport,
  type SloState,
  watchSlos,
  writeCounts,
} from "./slo/index.js";
