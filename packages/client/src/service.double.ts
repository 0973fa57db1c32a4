import type { SegnoClientOptions } from "./options.js";
import { createSegnoClient, type SegnoClient } from "./create-client.js";
import type { Locks, TabChannel } from "./ports.js";
import type { SessionSnapshot, SignedIn } from "./wire.js";

/** One request as the double saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  readonly init: RequestInit;
}

export type Fault = "offline" | Response;

export function problem(
  status: number,
  code: string,
  extra: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Response {
  const body = {
    type: `urn:segno:error:${code}`,
    title: code,
    status,
    code,
    requestId: "req-1",
    retry: { when: "never" },
    ...extra,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

export function fakeJwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ typ: "at+jwt" })}.${part(claims)}.c2ln`;
}

export function snapshotOf(name: string, sid = `sid-${name}`): Pick<SignedIn, "user" | "session"> {
  const at = "2026-01-01T00:00:00.000Z";
  return {
    user: {
      id: name,
      displayName: name,
      email: `${name}@example.com`,
      emailVerified: true,
      status: "active",
      createdAt: at,
      missing: [],
    },
    session: {
      id: sid,
      userId: name,
      current: true,
      createdAt: at,
      lastSeenAt: at,
      expiresAt: at,
      acr: "aal1",
      amr: ["otp"],
      authTime: at,
      deviceName: "Browser",
    },
  };
}

/** A service with one browser's cookie jar in it. Holds answers back on demand, so that a test decides the order. */
export function createServiceDouble() {
  let cookieOf: string | null = null;
  let nowMs = 1_000_000;
  let serial = 0;
  const gates: Array<() => void> = [];
  const state = {
    seen: [] as SeenRequest[],
    faults: [] as Fault[],
    isHolding: false,
    tokenLifeSeconds: 300,
    /** Token mode: the refresh token that counts now, and the one before with its successor. */
    refresh: { current: "", previous: "", holder: "" },
    nonce: null as string | null,
    answers: new Map<string, (request: SeenRequest) => Response | undefined>(),
  };

  const snapshot = (): SessionSnapshot => (cookieOf === null ? { session: null, user: null } : snapshotOf(cookieOf));
  const issue = (name: string, sid = `sid-${name}`) => {
    serial += 1;
    return fakeJwt({ sub: name, sid, iat: Math.floor(nowMs / 1000), jti: `t${serial}`, scope: "orders:read" });
  };
  const tokens = (name: string) => ({
    accessToken: issue(name),
    tokenType: "Bearer",
    expiresInSeconds: state.tokenLifeSeconds,
    scope: "",
  });

  const answer = (request: SeenRequest): Response => {
    const special = state.answers.get(`${request.method} ${request.path}`)?.(request);
    if (special) return special;
    switch (`${request.method} ${request.path}`) {
      case "GET /v1/session":
        return json(request.headers.get("authorization") ? snapshotOf(state.refresh.holder) : snapshot());
      case "POST /v1/session/token":
        return cookieOf === null
          ? problem(401, "unauthenticated", { retry: { when: "after_sign_in" } })
          : json(tokens(cookieOf));
      case "POST /v1/email/verify": {
        const name = String(JSON.parse(request.body).code);
        const isToken = JSON.parse(request.body).mode === "token";
        if (!isToken) cookieOf = name;
        else state.refresh = { current: `rt-${name}-0`, previous: "", holder: name };
        const issued = isToken ? { tokens: { ...tokens(name), refreshToken: state.refresh.current } } : {};
        return json({ status: "signed_in", isNewUser: false, ...snapshotOf(name), ...issued });
      }
      case "POST /v1/sign-out":
        cookieOf = null;
        state.refresh = { current: "", previous: "", holder: "" };
        return new Response(null, { status: 204 });
      case "POST /oauth2/token":
        return redeem(new URLSearchParams(request.body).get("refresh_token") ?? "");
      default:
        return json({});
    }
  };

  const redeem = (token: string): Response => {
    const { refresh } = state;
    if (token !== refresh.previous && token !== refresh.current) return json({ error: "invalid_grant" }, 400);
    if (token === refresh.current) {
      serial += 1;
      state.refresh = { previous: token, current: `rt-${refresh.holder}-${serial}`, holder: refresh.holder };
    }
    return json({
      access_token: issue(refresh.holder),
      token_type: "Bearer",
      expires_in: state.tokenLifeSeconds,
      refresh_token: state.refresh.current,
      scope: "",
    });
  };

  const serve: typeof fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const request: SeenRequest = {
      method: init.method ?? "GET",
      path: url.pathname.replace("/api/auth", ""),
      headers: new Headers(init.headers),
      body: typeof init.body === "string" ? init.body : "",
      init,
    };
    state.seen.push(request);
    const fault = state.faults.shift();
    if (fault === "offline") throw new TypeError("fetch failed");
    // The answer is decided when the request arrives; it may travel for a long time.
    const response = fault ?? answer(request);
    if (state.isHolding) await new Promise<void>((resolve) => gates.push(resolve));
    return response;
  };

  return Object.assign(state, {
    fetch: serve,
    clock: { nowMs: () => nowMs },
    advance: (seconds: number) => {
      nowMs += seconds * 1000;
    },
    /** Lets the nth held answer go, default the oldest. */
    release: (index = 0) => gates.splice(index, 1)[0]?.(),
    held: () => gates.length,
    setCookie: (name: string | null) => {
      cookieOf = name;
    },
    cookie: () => cookieOf,
    count: (path: string) => state.seen.filter((request) => request.path === path).length,
  });
}

export type ServiceDouble = ReturnType<typeof createServiceDouble>;

/** Locks and channels that the tabs of one browser share. */
export function createTabs() {
  const queues = new Map<string, Promise<unknown>>();
  const locks: Locks = {
    run: async (name, task) => {
      const before = queues.get(name);
      const turn = (async () => {
        await before?.catch(() => undefined);
        return await task({ hadToWait: before !== undefined });
      })();
      queues.set(name, turn);
      return await turn.finally(() => queues.get(name) === turn && queues.delete(name));
    },
  };
  const channels = new Set<TabChannel>();
  const openChannel = (): TabChannel => {
    const channel: TabChannel = {
      onmessage: null,
      close: () => void channels.delete(channel),
      postMessage: (message) => {
        const copy = structuredClone(message);
        for (const other of channels) if (other !== channel) other.onmessage?.({ data: copy });
      },
    };
    channels.add(channel);
    return channel;
  };
  return { locks, openChannel };
}

export function openTab(service: ServiceDouble, options: SegnoClientOptions = {}): SegnoClient {
  return createSegnoClient({
    baseUrl: "https://app.example.com",
    fetch: service.fetch,
    clock: service.clock,
    delay: async () => undefined,
    random: () => 0.5,
    ...createTabs(),
    ...options,
  });
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}
