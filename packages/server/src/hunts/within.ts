import type { SegnoEvent } from "@segno/core";
import { type Finding, findingOf, type HuntInProgress, timeOf } from "./hunt.js";

interface Rule {
  readonly hunt: string;
  readonly windowMs: number;
  /** Whom the event counts for; undefined for an event that does not count. */
  readonly about: (event: SegnoEvent) => string | undefined;
  /** What makes them a finding, in words; undefined while they are none. The events are those of the window, oldest first. */
  readonly judge: (events: readonly SegnoEvent[]) => string | undefined;
}

/** Most events held for one subject, and most subjects: a flood cannot fill the memory. */
const maxEvents = 500;
const maxHeld = 50_000;

/**
 * Holds the events of each subject that lie within a time of each other and judges them with each one that comes. A finding
 * grows while it goes on: one attack is one finding.
 */
export function within(rule: Rule): HuntInProgress {
  const held = new Map<string, SegnoEvent[]>();
  const found: { about: string; what: string; events: SegnoEvent[] }[] = [];
  const open = new Map<string, { about: string; what: string; events: SegnoEvent[] }>();

  function see(event: SegnoEvent): void {
    const about = rule.about(event);
    if (about === undefined) return;
    const since = timeOf(event) - rule.windowMs;
    const events = (held.get(about) ?? []).filter((each) => timeOf(each) >= since).slice(-maxEvents + 1);
    events.push(event);
    held.delete(about);
    held.set(about, events);
    if (held.size > maxHeld) forgetOldest();
    const what = rule.judge(events);
    if (what === undefined) return;
    const going = open.get(about);
    if (going !== undefined && timeOf(going.events.at(-1) ?? event) >= since) {
      const last = going.events.at(-1);
      going.what = what;
      for (const each of events) if (last === undefined || timeOf(each) > timeOf(last)) going.events.push(each);
      if (!going.events.includes(event)) going.events.push(event);
      return;
    }
    const finding = { about, what, events: [...events] };
    found.push(finding);
    open.set(about, finding);
  }

  function forgetOldest(): void {
    for (const oldest of held.keys()) return void held.delete(oldest);
  }

  const findings = (): readonly Finding[] =>
    found.map(({ about, what, events }) => findingOf(rule.hunt, about, what, events));
  return { see, findings };
}

/** How many different values, null not counted. */
export function distinct(
  events: readonly SegnoEvent[],
  valueOf: (event: SegnoEvent) => string | null | undefined,
): number {
  return new Set(events.map(valueOf).filter((value) => value !== null && value !== undefined)).size;
}
