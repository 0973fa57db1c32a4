import type { ToldEvent } from "./nodes/sinks.ts";

/** An event as a receiver reads it. */
interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly subject?: string;
  readonly sessionid?: string;
}

/**
 * A receiver as the text on event delivery asks for: it drops ids that it has seen, and lets no event undo what a later one
 * of the same subject said. Whatever order events come in, and however often, what it knows in the end is the same.
 */
export interface ReferenceConsumer {
  take(told: Pick<ToldEvent, "position" | "cloudEvent">): void;
  /** Ids of the sessions that are open. */
  readonly openSessions: () => readonly string[];
  /** All it knows, in one text. */
  readonly state: () => string;
}

/** @param isNaive believes whatever came last, and counts what came twice twice */
export function createReferenceConsumer(isNaive = false): ReferenceConsumer {
  const seen = new Set<string>();
  const sessions = new Map<string, { readonly position: number; readonly isOpen: boolean }>();
  const counts = new Map<string, number>();
  const lastOf = new Map<string, { readonly position: number; readonly type: string }>();
  const isLater = (position: number, known: { readonly position: number } | undefined) =>
    isNaive || known === undefined || position > known.position;
  const openSessions = () => [...sessions].flatMap(([id, { isOpen }]) => (isOpen ? [id] : [])).sort();

  return {
    take({ position, cloudEvent }) {
      const { id, type: wireType, subject = "", sessionid } = JSON.parse(cloudEvent) as ReadEvent;
      const type = /^dev\.segno\.(.+)\.v\d+$/.exec(wireType)?.[1] ?? wireType;
      if (!isNaive && seen.has(id)) return;
      seen.add(id);
      counts.set(`${subject} ${type}`, (counts.get(`${subject} ${type}`) ?? 0) + 1);
      if (isLater(position, lastOf.get(subject))) lastOf.set(subject, { position, type });
      const isOpen = type === "session.created" ? true : type === "session.revoked" ? false : undefined;
      if (isOpen === undefined || sessionid === undefined) return;
      if (isLater(position, sessions.get(sessionid))) sessions.set(sessionid, { position, isOpen });
    },
    openSessions,
    state: () => JSON.stringify([openSessions(), [...counts].sort(), [...lastOf].sort()]),
  };
}
