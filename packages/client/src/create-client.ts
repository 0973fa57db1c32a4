import { createBearerFetch } from "./bearer-fetch.js";
import { bindAttempts } from "./bind-attempts.js";
import { createProver, type Prover } from "./dpop/prover.js";
import { createReport } from "./report.js";
import type { SegnoClientOptions } from "./options.js";
import { localError } from "./parse-error.js";
import { createElapsedClock, createMemoryStorage, randomNumber, type TabChannel, wallMs } from "./ports.js";
import { failure, type Result, success } from "./result.js";
import { createRoutes, type Routes } from "./routes.js";
import {
  createSessionStore,
  holderOf,
  type InternalSessionStore,
  type SessionState,
  type SessionStore,
} from "./session/session-store.js";
import { openChannel, type TabMessage } from "./tabs/channel.js";
import { createLocks } from "./tabs/locks.js";
import { fetchByCookie, fetchByRefreshToken, holdToken, provenBy } from "./tokens/fetch-token.js";
import { createGrantStore } from "./tokens/grant-store.js";
import type { HeldToken } from "./tokens/held-token.js";
import { createTokenManager, type TokenManager } from "./tokens/token-manager.js";
import type { TokenOptions } from "./tokens/token-source.js";
import { createTransport, type RequestSpec } from "./transport.js";
import type { SessionSnapshot, SignedIn, UiEvent } from "./wire.js";

/** The typed client of one Segno service. Every method answers `{ data, error }` and never throws, except `fetch`. */
export interface SegnoClient extends Routes {
  readonly mode: "cookie" | "token";
  /** Who is signed in, shaped for `useSyncExternalStore`. */
  readonly session: SessionStore;
  /**
   * A fresh access token: from memory while it lasts more than 15 seconds, else renewed, once per browser.
   * Errors: `unauthenticated` when nobody is signed in or somebody else signed in meanwhile; `network`, `timeout`,
   * `internal`, `rate_limited` when the service is out of reach: the session stays.
   */
  getToken(options?: TokenOptions): Promise<Result<string>>;
  /** `fetch` with the access token and, for bound tokens, a proof. Behaves and throws like `fetch`. */
  fetch(input: string | URL, init?: RequestInit): Promise<Response>;
  /** Ends the session here and in the other tabs. On an error the session still exists, and the state says so. */
  signOut(): Promise<Result<void>>;
  /**
   * Tells the service what a screen shows, for its funnel: the flows of `@segno/signin` call it. Sent in batches and dropped
   * when it cannot be sent. Does nothing with `reportUi: false`.
   * @param isLast the page goes away, or may do so at once: send now
   */
  report(event: UiEvent, isLast?: boolean): void;
  /** Closes the channel to the other tabs. */
  close(): void;
}

/**
 * Creates the client. Makes no request and touches no browser feature until it is used, so a module can do it at the
 * top level and still be rendered on a server.
 *
 * @example
 * const client = createSegnoClient();
 * const { data, error } = await client.sessions.list();
 */
export function createSegnoClient(options: SegnoClientOptions = {}): SegnoClient {
  const { mode = "cookie", basePath = "/api/auth" } = options;
  const origin = () => options.baseUrl?.replace(/\/+$/, "") ?? globalThis.location?.origin ?? "";
  const url = (path: string) => origin() + basePath + path;
  const scopeName = `segno:${options.baseUrl ?? ""}${basePath}`;
  const clock = options.clock ?? createElapsedClock();
  const delay = options.delay ?? ((milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)));
  const send: typeof fetch = (input, init) => (options.fetch ?? globalThis.fetch)(input, init);
  const transport = createTransport({
    url,
    fetch: send,
    credentials: mode === "token" ? "omit" : "include",
    timeoutMs: options.timeoutMs ?? 10_000,
    delay,
    random: options.random ?? randomNumber,
    wallMs,
    // a page of another origin asks first before it sends a header of its own; with a token it asks anyway
    isTraced: () => mode === "token" || origin() === (globalThis.location?.origin ?? origin()),
    onSpan: options.onSpan,
  });
  const storage = options.storage ?? createMemoryStorage();
  const grants = createGrantStore(storage, scopeName);
  const prover = options.dpop ? createProver(scopeName, options.proofKeys) : undefined;

  const tabs = connectTabs(() => (options.openChannel ?? openChannel)(scopeName), {
    session: (snapshot, from) => {
      const isMine = from === holderOf(session.get());
      // A sign-in changes cookies and shared storage for all tabs; a sign-out concerns only the session that ended.
      const changesAll = snapshot !== null && (mode === "cookie" || storage.isShared);
      if (isMine || changesAll) session.set(snapshot);
    },
    token: (key, token) => {
      // Sent the moment it was issued, by a page with the same wall clock.
      if (token.issuedAt > 0) prover?.setTime(token.issuedAt * 1000, token.sentAtWallMs);
      tokens.receive(key, token);
    },
  });
  const session: InternalSessionStore = createSessionStore({
    onUse: tabs.open,
    load: () => loadSession(),
    onChange: (previous, next) => {
      if (proofOf(previous) !== proofOf(next)) tokens.clear();
    },
  });
  const sources = { send: transport, clock, prover, url };
  const tokens: TokenManager = createTokenManager({
    clock,
    wallMs,
    delay,
    locks: options.locks ?? { run: (name, task) => (lazyLocks ??= createLocks()).run(name, task) },
    lockName: scopeName,
    fetchToken:
      mode === "cookie" ? fetchByCookie(sources) : fetchByRefreshToken(sources, grants, options.clientId ?? "segno"),
    share: (key, token) => tabs.post({ kind: "token", key, token }),
  });
  let lazyLocks: ReturnType<typeof createLocks> | undefined;

  /** Token mode: every call carries the default token. Before the session is known, its holder is in storage. */
  const credentials: Partial<RequestSpec> =
    mode === "cookie"
      ? {}
      : {
          headers: async (method, target) => {
            const holder = (await grants.read())?.holder;
            const held = holder === undefined ? undefined : await tokens.acquire(holder);
            return held?.data ? await bearer(prover, held.data, method, target) : {};
          },
          onResponse: (response) => prover?.learnFromService(url(""), response) ?? false,
        };

  const loadSession = async (): Promise<Result<SessionSnapshot>> => {
    if (mode === "token") {
      const grant = await grants.read();
      if (grant === null) return success({ session: null, user: null });
      const held = await tokens.acquire(grant.holder);
      if (held.error) return held;
    }
    return transport<SessionSnapshot>({ method: "GET", path: "/v1/session", ...credentials });
  };

  /** Everybody hears of it: this page, the token cache, the other tabs. */
  const announce = (snapshot: SessionSnapshot | null, from: string | null = holderOf(session.get())) => {
    session.set(snapshot);
    tabs.post({ kind: "session", snapshot, from });
  };
  const forget = async () => {
    if (mode === "token") await grants.clear();
    announce(null);
  };
  const signedIn = async (answer: SignedIn) => {
    const { user, session: view, tokens: issued } = answer;
    const holder = `${user.id}|${view.id}`;
    if (mode === "token" && issued?.refreshToken) await grants.write({ refreshToken: issued.refreshToken, holder });
    announce({ user, session: view });
    if (issued) tokens.keep(holder, holdToken(issued, clock.nowMs(), prover));
  };

  const acquire = async (wanted: TokenOptions, isForced: boolean): Promise<Result<HeldToken>> => {
    const state = await session.ready();
    if (state.status === "loading") return failure(state.error ?? localError("network"));
    const holder = holderOf(state);
    if (holder === null) return failure(localError("unauthenticated"));
    for (let tries = 0; ; tries += 1) {
      const begunAt = session.epoch();
      const result = await tokens.acquire(holder, { ...wanted, isForced });
      const isSame = holderOf(session.get()) === holder;
      // The reply of one person's request is never handed to the next person.
      if (!isSame) return failure(localError("unauthenticated"));
      const isForeign = result.data?.sessionId != null && result.data.sessionId !== state.session?.id;
      if (result.error === null && !isForeign) return result;
      if (session.epoch() !== begunAt && tries === 0) continue;
      if (isForeign) {
        tokens.clear();
        await session.refresh();
        return failure(localError("unauthenticated"));
      }
      if (isGone(result)) await forget();
      return result;
    }
  };

  /** A definite "you are not signed in" from any route ends the session here; nothing else does. */
  const guarded = async <T>(spec: RequestSpec): Promise<Result<T>> => {
    const begunAt = session.epoch();
    const result = await transport<T>(spec);
    if (
      result.error?.code === "unauthenticated" &&
      session.epoch() === begunAt &&
      session.get().status === "signed_in"
    ) {
      await forget();
    }
    return result;
  };

  if (options.initialSession !== undefined) session.seed(options.initialSession);

  return {
    mode,
    session,
    ...createRoutes(mode === "token" ? bindAttempts(guarded) : guarded, {
      credentials,
      mode: mode === "token" ? { mode } : {},
      proof: (path) => provenBy(prover, url, path),
      signedIn,
      signedOut: forget,
      currentSessionId: () => session.get().session?.id,
      userChanged: (user) => {
        const view = session.get().session;
        if (view?.userId === user.id) announce({ session: view, user });
      },
      sessionRenamed: (view) => {
        const { user, session: current } = session.get();
        if (user && current?.id === view.id) announce({ user, session: view });
      },
    }),
    getToken: async (wanted = {}) => {
      const held = await acquire(wanted, false);
      return held.error === null ? success(held.data.accessToken) : held;
    },
    fetch: createBearerFetch({
      fetch: send,
      prover,
      resolve: (input) => new URL(input, globalThis.location?.href ?? `${origin()}/`),
      isTrusted: (target) =>
        target === new URL(origin()).origin ||
        target === globalThis.location?.origin ||
        (options.apiOrigins ?? []).includes(target),
      token: (isForced) => acquire({}, isForced),
    }),
    signOut: async () => {
      const result = await guarded<void>({ method: "POST", path: "/v1/sign-out", isIdempotent: true, ...credentials });
      if (result.error !== null && result.error.code !== "unauthenticated") return result;
      await forget();
      return success(undefined);
    },
    report:
      options.reportUi === false
        ? () => undefined
        : createReport(transport, () => (mode === "cookie" ? url("/v1/events") : undefined)),
    close: tabs.close,
  };
}

/** What a token proves: it is worthless once the holder or the assurance changed. */
function proofOf({ session, user }: SessionState): string {
  return JSON.stringify([user?.id, session?.id, session?.acr, session?.authTime]);
}

function isGone(result: Result<unknown>): boolean {
  return result.error?.code === "unauthenticated" || result.error?.code === "invalid_grant";
}

async function bearer(
  prover: Prover | undefined,
  held: HeldToken,
  method: string,
  url: string,
): Promise<Record<string, string>> {
  const { accessToken, tokenType } = held;
  const authorization = `${tokenType} ${accessToken}`;
  return prover && tokenType === "DPoP"
    ? { authorization, DPoP: await prover.prove({ method, url, accessToken }) }
    : { authorization };
}

interface TabHandlers {
  readonly session: (snapshot: SessionSnapshot | null, from: string | null) => void;
  readonly token: (key: string, token: Extract<TabMessage, { kind: "token" }>["token"]) => void;
}

function connectTabs(open: () => TabChannel | undefined, handlers: TabHandlers) {
  let channel: TabChannel | undefined;
  let isOpen = false;
  const connect = () => {
    if (isOpen) return;
    isOpen = true;
    channel = open();
    if (!channel) return;
    channel.onmessage = ({ data }) => {
      const message = data as TabMessage;
      if (message.kind === "session") handlers.session(message.snapshot, message.from);
      else if (message.kind === "token") handlers.token(message.key, message.token);
    };
  };
  return {
    open: connect,
    post: (message: TabMessage) => {
      connect();
      channel?.postMessage(message);
    },
    close: () => {
      channel?.close();
      channel = undefined;
      isOpen = false;
    },
  };
}
