// A handler over routes of the test's own, with an engine of doubles behind it.
import { type AuthState, systemClock } from "@segno/core";
import type { RateLimiter } from "../src/engine.js";
import {
  createCertificateResolver,
  createExchange,
  createHandler,
  type Exchange,
  type Handler,
  type Route,
} from "../src/http/index.js";
import { createObserver } from "../src/observability/index.js";
import { resolveOptions } from "../src/resolve-config.js";
import { createIdSource, silentLogger, systemRandom } from "../src/runtime.js";
import type { SegnoOptions } from "../src/config.js";

export const origin = "https://app.example.com";
export const testSecret = "1:test-secret-0123456789-abcdefghijklmnop";

export interface KitOptions {
  readonly routes: readonly Route[];
  readonly options?: SegnoOptions;
  readonly auth?: AuthState;
  readonly limiter?: RateLimiter;
  readonly logged?: (fields: unknown) => void;
  readonly warned?: (fields: unknown) => void;
}

export function createTestHandler(kit: KitOptions): Handler {
  return createHandler(createTestExchange(kit));
}

export function createTestExchange(kit: KitOptions): Exchange {
  const base = { baseUrl: origin, secret: testSecret, production: false, clientIp: { source: "socket" } } as const;
  const { config, faults } = resolveOptions({ ...base, ...kit.options }, {});
  if (faults.length > 0) throw new TypeError(faults.join("\n"));
  const warn = (message: string, fields?: unknown) => kit.warned?.({ message, fields });
  const log =
    kit.logged === undefined
      ? { ...silentLogger, warn }
      : {
          ...silentLogger,
          warn,
          error: (message: string, fields?: unknown) => kit.logged?.({ message, fields }),
        };
  return createExchange({
    config,
    clock: kit.options?.clock ?? systemClock,
    random: systemRandom,
    newId: createIdSource(systemClock, systemRandom),
    log,
    limiter: kit.limiter ?? { take: async () => {} },
    observer: createObserver(kit.options?.telemetry ?? []),
    routes: kit.routes,
    authenticate: () => kit.auth ?? { status: "anonymous" },
    certificateOf: createCertificateResolver(config),
    factsOf: () => ({}),
    tellRefused: async () => {},
  });
}

/** A request as the application's own page sends it. */
export function post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`${origin}${path}`, {
    method: "POST",
    headers: { origin, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
