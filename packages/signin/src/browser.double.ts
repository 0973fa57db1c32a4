import {
  createSegnoClient,
  type JsonObject,
  type SegnoClient,
  type SessionSnapshot,
  type SignedIn,
} from "@segno/client";
import type { PasskeyBrowser } from "./passkey/browser-port.js";

export const at = "2026-01-01T00:00:00.000Z";

export function signedInAs(id: string): SignedIn {
  return {
    status: "signed_in",
    isNewUser: false,
    user: {
      id,
      displayName: null,
      email: `${id}@example.com`,
      emailVerified: true,
      status: "active",
      createdAt: at,
      missing: [],
    },
    session: {
      id: `sid-${id}`,
      userId: id,
      current: true,
      createdAt: at,
      lastSeenAt: at,
      expiresAt: at,
      acr: "phr",
      amr: ["swk"],
      authTime: at,
      deviceName: "Browser",
    },
  };
}

export function namedError(name: string): Error {
  return Object.assign(new Error(name), { name });
}

/** A browser whose person answers prompts when the test says so. */
export function createBrowserDouble(support = { canUse: true, canAutofill: false }) {
  interface Prompt {
    readonly kind: "create" | "get" | "autofill";
    readonly resolve: (response: JsonObject) => void;
    readonly reject: (caught: unknown) => void;
  }
  let open: Prompt | null = null;
  let atOnce = 0;
  const state = { opened: 0, mostAtOnce: 0 };
  const ask = (kind: Prompt["kind"]): Promise<JsonObject> => {
    state.opened += 1;
    atOnce += 1;
    state.mostAtOnce = Math.max(state.mostAtOnce, atOnce);
    return new Promise<JsonObject>((resolve, reject) => {
      open = { kind, resolve, reject };
    }).finally(() => {
      atOnce -= 1;
    });
  };
  const end = (how: (prompt: Prompt) => void) => {
    const prompt = open;
    open = null;
    if (prompt) how(prompt);
  };
  const browser: PasskeyBrowser = {
    support: async () => support,
    create: () => ask("create"),
    get: (_options, isConditional) => ask(isConditional ? "autofill" : "get"),
    cancel: () => end((prompt) => prompt.reject(namedError("AbortError"))),
  };
  return Object.assign(state, {
    browser,
    prompt: () => (open as Prompt | null)?.kind ?? null,
    pick: () => end((prompt) => prompt.resolve({ id: "credential-1" })),
    refuse: (name = "NotAllowedError") => end((prompt) => prompt.reject(namedError(name))),
  });
}

type Answer = (body: JsonObject) => Response | Promise<Response>;

export function problem(status: number, code: string, when = "never", headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ code, title: code, status, retry: { when }, requestId: "r" }), {
    status,
    headers,
  });
}

/** A client whose service answers from a table, `offline` where the table has nothing. */
export function createServiceTable(initialSession: SessionSnapshot | null = null) {
  const seen: string[] = [];
  const bodies: JsonObject[] = [];
  const routes = new Map<string, Answer>();
  const reply = (path: string, answer: Answer | object) =>
    void routes.set(path, typeof answer === "function" ? (answer as Answer) : () => Response.json(answer));
  for (const flow of ["sign-in", "sign-up", "step-up", "add"]) {
    reply(`/v1/passkeys/${flow}/options`, {
      attemptId: "a1",
      publicKey: { challenge: "AAAA", rpId: "app.example.com" },
    });
    reply(`/v1/passkeys/${flow}/verify`, signedInAs("ada"));
  }
  reply("/v1/email/start", { attemptId: "m1", expiresInSeconds: 600, codeLength: 6 });
  reply("/v1/email/verify", ({ code }) =>
    code === "123456" ? Response.json(signedInAs("ada")) : problem(400, "wrong_code", "after_correction"),
  );
  const client: SegnoClient = createSegnoClient({
    baseUrl: "https://app.example.com",
    initialSession,
    openChannel: () => undefined,
    delay: async () => undefined,
    fetch: async (input, init) => {
      const path = new URL(String(input)).pathname.replace("/api/auth", "");
      seen.push(path);
      const body = typeof init?.body === "string" ? (JSON.parse(init.body) as JsonObject) : {};
      bodies.push(body);
      const answer = routes.get(path);
      if (!answer) throw new TypeError("fetch failed");
      return answer(body);
    },
  });
  return { client, seen, bodies, reply, cut: (path: string) => void routes.delete(path) };
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 6; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}
