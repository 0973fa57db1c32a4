import type { Engine, PersonalFields } from "../../engine.js";
import { isExpired, type LeafContent } from "../leaf/leaf.js";
import type { LogStorage } from "../log/index.js";
import { selectKeysById, type SubjectKeyRow } from "../personal/store.js";
import { unwrap } from "../personal/subject-keys.js";
import { type AuditQuery, isWanted } from "./query.js";
import { scanLeaves } from "./scan.js";

/** One leaf as a person reads it: who, what, when, from, to. */
export interface AuditEntry {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly outcome: string | null;
  /** Whom it happened to. */
  readonly subject: string | null;
  /** Who did it. */
  readonly actor: { readonly type: string | null; readonly id: string | null };
  readonly requestId: string | null;
  /** What the event says: where it is a change, with what it was before and after. */
  readonly data: unknown;
  /** What is known of the person; null where nothing was recorded. */
  readonly personal: PersonalView | null;
}
/** Readable, or erased at a time, or sealed under a key that cannot be opened here. */
export type PersonalView =
  | { readonly state: "readable"; readonly fields: PersonalFields }
  | { readonly state: "erased"; readonly erasedAtMs: number }
  | { readonly state: "sealed" };

/** The newest leaves that answer the query, oldest first: 100, or `limit`, at most 10 000. Scans the log. @throws SegnoError `store_unavailable` */
export async function showAudit(
  { store, dataSealer }: Pick<Engine, "store" | "dataSealer">,
  storage: LogStorage,
  query: AuditQuery & { readonly limit?: number },
): Promise<readonly AuditEntry[]> {
  const limit = Math.min(10_000, Math.max(1, query.limit ?? 100));
  let found: { readonly index: number; readonly leaf: LeafContent }[] = [];
  for await (const { index, content } of scanLeaves(storage)) {
    if (content === undefined || isExpired(content) || !isWanted(content, query)) continue;
    found.push({ index, leaf: content });
    if (found.length > 2 * limit) found = found.slice(-limit);
  }
  found = found.slice(-limit);
  const ids = [...new Set(found.flatMap(({ leaf }) => leaf.personal?.keyId ?? []))];
  const keys = new Map<string, SubjectKeyRow>();
  for (let at = 0; at < ids.length; at += 500)
    for (const row of await selectKeysById(store.db, ids.slice(at, at + 500))) keys.set(row.id, row);
  const entries: AuditEntry[] = [];
  for (const { index, leaf } of found) entries.push(presentLeaf(index, leaf, await viewOf({ dataSealer }, leaf, keys)));
  return entries;
}

export function presentLeaf(index: number, { type, event }: LeafContent, personal: PersonalView | null): AuditEntry {
  const text = (name: string): string | null => (typeof event[name] === "string" ? event[name] : null);
  return {
    index,
    id: event.id,
    type,
    time: event.time,
    outcome: text("outcome"),
    subject: event.subject ?? null,
    actor: { type: text("actortype"), id: text("actorid") },
    requestId: text("requestid"),
    data: event["data"] ?? null,
    personal,
  };
}

async function viewOf(
  parts: Pick<Engine, "dataSealer">,
  leaf: LeafContent,
  keys: ReadonlyMap<string, SubjectKeyRow>,
): Promise<PersonalView | null> {
  const { personal } = leaf;
  if (personal === undefined) return null;
  const row = keys.get(personal.keyId);
  if (row === undefined) return { state: "sealed" };
  if (row.destroyed_at !== null) return { state: "erased", erasedAtMs: row.destroyed_at };
  const fields = (await unwrap(parts, row))?.open(leaf.event.id, personal.sealed);
  return fields === undefined ? { state: "sealed" } : { state: "readable", fields };
}
