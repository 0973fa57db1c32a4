export type { FunnelCut, FunnelReport, FunnelRow, Spread } from "./compute-funnel.js";
export { type FunnelQuery, readFunnel } from "./read-funnel.js";
