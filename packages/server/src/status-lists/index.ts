/** What other domains may use of the status lists. */
export { type ClientStatus, clientStatus, forgetClientStatuses, leaveClientStatus } from "./client-status.js";
export { statusClaim, statusIndexOf } from "./status-claim.js";
export { leaveStatusIndex } from "./store.js";
export { statusListSize, sweepStatusIndexes, takeStatusIndex } from "./take-status-index.js";
