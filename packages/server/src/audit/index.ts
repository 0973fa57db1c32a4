export { type AuditApi, createAuditApi } from "./audit-api.js";
export type { Completeness } from "./completeness/completeness.js";
export { type BacklogGate, createBacklogGate } from "./feed/gate.js";
export { type AuditStatus, type AuditTrail, openAudit } from "./open-audit.js";
export { eraseSubject } from "./personal/erase-subject.js";
export { mayBePersonal } from "./personal/is-personal.js";
export { sealPending } from "./personal/pending.js";
export type { AuditQuery } from "./read/query.js";
export type { AuditEntry, PersonalView } from "./read/show.js";
