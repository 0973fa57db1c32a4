import type { LeafContent } from "../leaf/leaf.js";
import { isOfType } from "../leaf/retention.js";

/** Which leaves are wanted: those that fulfil all that is given. */
export interface AuditQuery {
  /** A user's id: events about that user. */
  readonly subject?: string;
  /** Who did it: a user's or a client's id. */
  readonly actor?: string;
  /** An event type, or a family such as `consent.*`. */
  readonly type?: string;
  /** Events at or after this time, milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Events before this time, milliseconds since the epoch. */
  readonly untilMs?: number;
}

export function isWanted({ type: leafType, event }: LeafContent, query: AuditQuery): boolean {
  const { subject, actor, type, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = query;
  const timeMs = Date.parse(event.time);
  return (
    (subject === undefined || event.subject === subject) &&
    (actor === undefined || (event["actorid"] ?? event["clientid"]) === actor) &&
    (type === undefined || isOfType(type, leafType)) &&
    timeMs >= sinceMs &&
    timeMs < untilMs
  );
}
