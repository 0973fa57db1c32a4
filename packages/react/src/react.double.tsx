import { createSegnoClient, type SegnoClient, type SessionSnapshot } from "@segno/client";
import { act } from "@testing-library/react";

type Body = Readonly<Record<string, unknown>>;
type Answer = (body: Body) => Response | Promise<Response>;

export function problem(status: number, code: string, when = "never", headers: Record<string, string> = {}): Response {
  return new Response(
    JSON.stringify({
      code,
      title: `title of ${code}`,
      status,
      retry: { when },
      requestId: "r",
      supportCode: "7K3M-9QXA",
    }),
    {
      status,
      headers,
    },
  );
}

export interface ServiceDouble {
  connect(more?: { readonly initialSession?: SessionSnapshot | null }): SegnoClient;
  reply(route: string, answer: Answer | object): void;
  readonly seen: string[];
  readonly bodies: Body[];
  signIn(snapshot: SessionSnapshot | null): void;
}

/** A service that answers from a table of `METHOD /path`; what is missing cannot be reached. */
export function createService(initial: SessionSnapshot | null = null): ServiceDouble {
  let signedIn = initial;
  const seen: string[] = [];
  const bodies: Body[] = [];
  const routes = new Map<string, Answer>();
  const reply = (route: string, answer: Answer | object) =>
    void routes.set(route, typeof answer === "function" ? (answer as Answer) : () => Response.json(answer));
  reply("GET /v1/session", () => Response.json(signedIn ?? { session: null, user: null }));
  reply("POST /v1/sign-out", () => {
    signedIn = null;
    return new Response(null, { status: 204 });
  });
  const connect = (more: { initialSession?: SessionSnapshot | null } = {}): SegnoClient =>
    createSegnoClient({
      baseUrl: "https://app.example.com",
      openChannel: () => undefined,
      delay: async () => undefined,
      ...more,
      fetch: async (input, init) => {
        const route = `${init?.method} ${new URL(String(input)).pathname.replace("/api/auth", "")}`;
        seen.push(route);
        const body = typeof init?.body === "string" ? JSON.parse(init.body) : {};
        bodies.push(body);
        const answer = routes.get(route);
        if (!answer) throw new TypeError("fetch failed");
        return answer(body);
      },
    });
  return { connect, reply, seen, bodies, signIn: (snapshot: SessionSnapshot | null) => void (signedIn = snapshot) };
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  await act(async () => {
    for (let turns = 0; turns < 6; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  });
}
