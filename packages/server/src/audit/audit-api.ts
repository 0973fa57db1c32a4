import { SegnoError } from "@segno/core";
import type { Completeness } from "./completeness/completeness.js";
import type { AuditStatus, AuditTrail } from "./open-audit.js";
import type { LogStorage } from "./log/index.js";
import type { AuditQuery } from "./read/query.js";
import type { AuditEntry } from "./read/show.js";

/** The audit log, for whoever runs the service. Every verb throws SegnoError `not_found` where none is kept. */
export interface AuditApi {
  /** How large the log is, how far behind, and by which keys it is verified. */
  status(): Promise<AuditStatus>;
  /**
   * Holds every session, refresh family, user, passkey, key, client and revocation in the database against the log. Reads both
   * whole. @throws SegnoError `store_unavailable`
   */
  completeness(): Promise<Completeness>;
  /** Who did what to whom, when, from what to what: the newest 100 entries that answer, or `limit`, at most 10 000, oldest first. */
  show(query?: AuditQuery & { readonly limit?: number }): Promise<readonly AuditEntry[]>;
  /**
   * What proves the answer to a query offline, as files by name: `writeEvidence` writes them.
   * @throws SegnoError `not_found` while there is no checkpoint, `invalid_input` for more than 10 000 entries
   */
  evidence(
    query: AuditQuery,
    tool: { readonly name: string; readonly version: string },
  ): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Makes leaves of everything that waits and signs a checkpoint now. @returns how many leaves were appended */
  settle(): Promise<number>;
  /** Where the log lies, for tools that read it leaf by leaf. */
  storage(): Promise<LogStorage>;
}

export function createAuditApi(run: () => Promise<{ readonly audit: AuditTrail | undefined }>): AuditApi {
  const open = async (): Promise<AuditTrail> => {
    const { audit } = await run();
    if (audit === undefined) throw new SegnoError("not_found", "No audit log is kept: the option `audit` is not set.");
    return audit;
  };
  return {
    status: async () => await (await open()).status(),
    completeness: async () => await (await open()).completeness(),
    show: async (query = {}) => await (await open()).show(query),
    evidence: async (query, tool) => await (await open()).evidence(query, tool),
    settle: async () => await (await open()).settle(),
    storage: async () => (await open()).storage,
  };
}
