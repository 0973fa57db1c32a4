import type { SegnoClient } from "@segno/client";
import { useSession } from "@segno/react";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { explainSession, explainToken } from "./explain.ts";
import { LiveEvents, type TailEvent } from "./live-events.tsx";

interface Mail {
  readonly subject: string;
  readonly text: string;
}
interface PanelState {
  readonly mail: readonly Mail[];
  readonly skippedMinutes: number;
}

/** What a developer wants to see while trying it out. The server answers it only in development. */
export function DevelopmentPanel({ client }: { client: SegnoClient }): ReactNode {
  const [state, setState] = useState<PanelState>({ mail: [], skippedMinutes: 0 });
  const [events, setEvents] = useState<readonly TailEvent[]>([]);
  const refresh = useCallback(async () => {
    const response = await fetch("/development/state");
    if (response.ok) setState(await response.json());
  }, []);

  useEffect(() => {
    void refresh();
    const tail = new EventSource("/development/events");
    tail.onmessage = (message) => {
      const event: TailEvent = JSON.parse(message.data);
      setEvents((seen) => (seen.some(({ id }) => id === event.id) ? seen : [event, ...seen].slice(0, 50)));
      void refresh();
    };
    const timer = setInterval(refresh, 3000);
    return () => {
      tail.close();
      clearInterval(timer);
    };
  }, [refresh]);

  const post = async (path: string) => {
    await fetch(path, { method: "POST" });
    await refresh();
  };

  return (
    <details className="development" open>
      <summary>Development panel</summary>
      <div className="columns">
        <Mailbox mail={state.mail} />
        <LiveEvents events={events} />
        <Explained client={client} />
        <section aria-labelledby="panel-time">
          <h2 id="panel-time">Time and keys</h2>
          <p>The clock runs {state.skippedMinutes} minutes ahead.</p>
          <p className="actions">
            <button type="button" onClick={() => post("/development/clock")}>
              +15 minutes
            </button>
            <button type="button" onClick={() => post("/development/rotate-key")}>
              Rotate the signing key now
            </button>
          </p>
        </section>
      </div>
    </details>
  );
}

function Mailbox({ mail }: { mail: readonly Mail[] }): ReactNode {
  return (
    <section aria-labelledby="panel-mail">
      <h2 id="panel-mail">Mailbox</h2>
      <div className="scroll" tabIndex={0} role="group" aria-labelledby="panel-mail">
        {mail.length === 0 && <p>No mail yet.</p>}
        {mail.toReversed().map((message, index) => (
          <article key={mail.length - index} data-mail>
            <h3>{message.subject}</h3>
            <pre>{withLinks(message.text)}</pre>
          </article>
        ))}
      </div>
    </section>
  );
}

function withLinks(text: string): ReactNode[] {
  return text.split(/(https?:\/\/\S+)/).map((part, index) =>
    part.startsWith("http") ? (
      <a key={index} href={part}>
        {part}
      </a>
    ) : (
      part
    ),
  );
}

function Explained({ client }: { client: SegnoClient }): ReactNode {
  const { session } = useSession();
  const [words, setWords] = useState<readonly string[]>([]);
  const explain = async () => {
    const { data } = await client.getToken();
    setWords(data === null ? ["There is no access token: nobody is signed in."] : explainToken(data));
  };
  return (
    <section aria-labelledby="panel-session">
      <h2 id="panel-session">Session and token, in words</h2>
      <ul>
        {explainSession(session).map((line) => (
          <li key={line}>{line}</li>
        ))}
        {words.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <button type="button" onClick={explain}>
        Get and explain an access token
      </button>
    </section>
  );
}
