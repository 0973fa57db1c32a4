import { createSegnoClient, type SegnoClient, type SessionSnapshot, type SessionView, type User } from "@segno/client";
import { type ReactNode, useMemo } from "react";
import { SegnoProvider, type SegnoProviderProps } from "./provider.js";

/** What a component test sets: who is signed in, and what requests get as answer. */
export interface TestSegnoProviderProps extends Omit<SegnoProviderProps, "client" | "initialSession"> {
  /** Who is signed in: a whole snapshot, a few fields of one, or null for nobody. Default: a user named Ada. */
  readonly session?: SessionSnapshot | TestUser | null;
  /** Answers requests that the component makes. Default: every request is refused as `network`. */
  readonly fetch?: typeof fetch;
}

/** The fields worth setting in a test. */
export interface TestUser extends Partial<User> {
  readonly acr?: string;
}

/**
 * A snapshot for tests with sensible values for what is not given.
 * @example
 * const { user, session } = testSession({ displayName: "Grace", acr: "aal1" });
 */
export function testSession({ acr = "phr", ...user }: TestUser = {}): {
  readonly user: User;
  readonly session: SessionView;
} {
  const createdAt = "2026-01-01T00:00:00.000Z";
  const id = user.id ?? "user-1";
  return {
    user: {
      id,
      displayName: "Ada",
      email: "ada@example.com",
      emailVerified: true,
      status: "active",
      createdAt,
      missing: [],
      ...user,
    },
    session: {
      id: `session-of-${id}`,
      userId: id,
      current: true,
      createdAt,
      lastSeenAt: createdAt,
      expiresAt: "2026-02-01T00:00:00.000Z",
      acr,
      amr: ["swk", "user", "mfa"],
      authTime: createdAt,
      deviceName: "Test browser",
    },
  };
}

/**
 * The provider for component tests: a given session, no network.
 *
 * @example
 * render(<TestSegnoProvider session={{ displayName: "Grace" }}><Header /></TestSegnoProvider>);
 */
export function TestSegnoProvider({ session, fetch, ...props }: TestSegnoProviderProps): ReactNode {
  const seed = session === null || isSnapshot(session) ? session : testSession(session);
  const client = useMemo<SegnoClient>(
    () =>
      createSegnoClient({
        baseUrl: "https://segno.test",
        fetch: fetch ?? (() => Promise.reject(new TypeError("no network in this test"))),
        openChannel: () => undefined,
        delay: async () => undefined,
        initialSession: seed,
      }),
    // One client per test: a changed prop is a new test.
    [],
  );
  return <SegnoProvider {...props} client={client} initialSession={seed} />;
}

function isSnapshot(value: SessionSnapshot | TestUser | undefined): value is SessionSnapshot {
  return value !== undefined && "user" in value;
}
