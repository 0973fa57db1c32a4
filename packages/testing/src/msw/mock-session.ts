import type { SessionSnapshot, SessionView, User } from "@segno/client";

/** What a mocked session differs in from the default one. */
export interface MockSessionInput {
  readonly user?: Partial<User>;
  readonly session?: Partial<SessionView>;
}

/** Somebody who is signed in: both parts are there. */
export interface MockSession extends SessionSnapshot {
  readonly user: User;
  readonly session: SessionView;
}

/**
 * A signed-in person for front-end tests: the body of `GET /v1/session`, and what `initialSession` takes.
 *
 * @example
 * const seed = mockSession({ user: { displayName: "Ada" } });
 * const page = <SegnoProvider client={client} initialSession={seed} />;
 */
export function mockSession(input: MockSessionInput = {}): MockSession {
  const user: User = {
    id: "01890a5d-ac96-774b-bcce-b302099a8057",
    displayName: "Ada Lovelace",
    email: "ada@example.com",
    emailVerified: true,
    status: "active",
    createdAt: "2026-01-01T00:00:00.000Z",
    missing: [],
    ...input.user,
  };
  const session: SessionView = {
    id: "01890a5d-ac96-774b-bcce-b302099a8058",
    userId: user.id,
    current: true,
    createdAt: "2026-01-01T00:00:00.000Z",
    lastSeenAt: "2026-01-01T00:00:00.000Z",
    expiresAt: "2126-01-01T00:00:00.000Z",
    acr: "phr",
    amr: ["swk", "user", "mfa"],
    authTime: "2026-01-01T00:00:00.000Z",
    deviceName: "Chrome on macOS",
    ...input.session,
  };
  return { user, session };
}
