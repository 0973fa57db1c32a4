import type { ReactNode } from "react";

export interface TailEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly outcome: "success" | "failure";
  readonly data: { readonly reason?: string };
}

/** Newest first. What a screen tells of itself comes in bursts, and is one line until somebody opens it. */
export function LiveEvents({ events }: { events: readonly TailEvent[] }): ReactNode {
  return (
    <section aria-labelledby="panel-events">
      <h2 id="panel-events">Live events</h2>
      <ol className="scroll events" tabIndex={0} aria-labelledby="panel-events">
        {foldScreens(events).map((group) => (
          <li key={group.at(-1)?.id}>{group.length === 1 ? group.map(lineOf) : <Folded group={group} />}</li>
        ))}
      </ol>
    </section>
  );
}

function Folded({ group }: { group: readonly TailEvent[] }): ReactNode {
  return (
    <details>
      <summary>{group.length} events of the sign-in screen</summary>
      <ol>
        {group.map((event) => (
          <li key={event.id}>{lineOf(event)}</li>
        ))}
      </ol>
    </details>
  );
}

function lineOf({ id, type, time, outcome, data }: TailEvent): ReactNode {
  return (
    <span key={id}>
      <time>{new Date(time).toLocaleTimeString()}</time> <code>{type}</code>{" "}
      {outcome === "failure" && <em>{data.reason ?? "failed"}</em>}
    </span>
  );
}

/** Neighbours that a screen told make one group; everything else is a group of its own. */
function foldScreens(events: readonly TailEvent[]): readonly (readonly TailEvent[])[] {
  const isScreen = (event: TailEvent | undefined) => event?.type.startsWith("ui.") === true;
  const groups: TailEvent[][] = [];
  for (const event of events) {
    const last = groups.at(-1);
    if (isScreen(event) && isScreen(last?.[0])) last?.push(event);
    else groups.push([event]);
  }
  return groups;
}
