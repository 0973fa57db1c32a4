import type { RetentionClass } from "../../config.js";
import type { Secrets } from "../../engine.js";
import type { DataKey } from "../personal/data-key.js";
import { openPending } from "../personal/pending.js";
import { encodeLeaf, type LeafContent, type LeafEvent } from "./leaf.js";
import { retentionOf } from "./retention.js";

/** A committed event with its place, as the reader of events hands it over. */
export interface PlacedEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly payload: string;
  readonly personal: string | null;
  readonly created_at: number;
  readonly position: number;
}

/**
 * The leaf of an event: the same bytes each time it is made.
 * @param key the data key of whom the event is about; undefined when it was destroyed, and then nothing personal is kept
 * @throws SegnoError `key_unavailable` while the secret that seals what is personal is not listed
 */
export function makeLeaf(
  parts: { readonly secrets: Secrets; readonly retention: readonly RetentionClass[] },
  row: PlacedEvent,
  key: DataKey | undefined,
): Uint8Array {
  const retention = retentionOf(parts.retention, row.type);
  const event = JSON.parse(row.payload) as LeafEvent;
  const content: LeafContent = { v: 1, position: row.position, type: row.type, event, retention };
  if (row.personal === null || key === undefined) return encodeLeaf(content);
  const fields = openPending(parts.secrets, row.id, row.personal);
  return encodeLeaf({ ...content, personal: key.seal(row.id, fields) });
}
