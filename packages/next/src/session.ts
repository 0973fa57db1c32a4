import type { SegnoProviderProps } from "@segno/react";
import { headers } from "next/headers.js";
import { cache } from "react";
import { type EngineSource, originOf } from "./engine.js";

/** What `GET /v1/session` answers: the seed of `<SegnoProvider initialSession>`. */
export type InitialSession = NonNullable<SegnoProviderProps["initialSession"]>;

/** The account of who is signed in. */
export type User = NonNullable<InitialSession["user"]>;

export interface SessionReader {
  readonly getInitialSession: () => Promise<InitialSession | undefined>;
  readonly currentUser: () => Promise<User | null>;
}

const nobody: InitialSession = Object.freeze({ session: null, user: null });

/** Asks the engine in process, once per rendered page: by its verb, or by its own route where it has no verbs. */
export function createSessionReader(engine: EngineSource): SessionReader {
  const read = cache(async (): Promise<InitialSession> => {
    const incoming = await headers();
    const segno = engine();
    if (segno.api !== undefined) {
      return ((await segno.api.getSession({ headers: incoming })) ?? nobody) as InitialSession;
    }
    const cookie = incoming.get("cookie");
    if (cookie === null) return nobody;
    const request = new Request(`${originOf(segno)}${segno.basePath}/v1/session`, { headers: { cookie } });
    const response = await segno.handler(request);
    if (!response.ok) throw new TypeError(`The session cannot be read: the engine answered ${response.status}.`);
    return (await response.json()) as InitialSession;
  });
  return {
    // a page outlives a store that cannot be asked: the browser asks again, and nobody is shown as signed out
    getInitialSession: () => read().catch((error: unknown) => unknownUnlessNext(error)),
    currentUser: async () => (await read()).user,
  };
}

/** Next ends a static render by throwing; that must reach it. Its errors carry a digest. */
function unknownUnlessNext(error: unknown): undefined {
  // oxlint-disable-next-line typescript/only-throw-error -- what Next threw is thrown on
  if (typeof error === "object" && error !== null && "digest" in error) throw error;
  return undefined;
}
