import type { ServerResponse } from "node:http";
import { type AccessRequirement, assertAccess, SegnoError, scopeList } from "@segno/core";
import { getAuth, nowSecondsOf, refreshAuth } from "./attach.js";
import type { NodeMiddleware, NodeRequest } from "./node-types.js";
import { refuse } from "./refuse.js";

/** What a route asks of the caller. */
export interface RequireAuthOptions extends AccessRequirement {
  /** Ask the store even where a cache would answer: a session revoked a moment ago is refused. For sensitive actions. */
  readonly fresh?: boolean;
}

/**
 * Lets a request pass only when every condition holds; anything undecidable is refused.
 *
 * Answers 401 `unauthenticated` or `invalid_token`, 403 `insufficient_scope`, 403 `forbidden` to a service unless `caller`
 * admits it, 401 `insufficient_user_authentication` with the RFC 9470 challenge that tells a client how to step up, 503 when the store cannot be asked. Never redirects.
 * Not checked: whether the subject may act on the resource the route names.
 * @throws TypeError at construction for unknown or empty conditions
 *
 * @example
 * app.get("/orders", requireAuth({ scope: "orders:read" }), listOrders);
 * app.post("/transfer", requireAuth({ acr: "phr", maxAgeSeconds: 300, fresh: true }), transfer);
 */
export function requireAuth(options: RequireAuthOptions = {}): NodeMiddleware {
  const requirement = parseRequirement(options, ["fresh"]);
  const fresh = options.fresh;
  if (fresh !== undefined && typeof fresh !== "boolean") throw new TypeError("fresh must be true or false.");
  return (req, res, next) => {
    const check = (): void => {
      try {
        assertAccess(getAuth(req), requirement, nowSecondsOf(req));
      } catch (error) {
        return refuseOrThrow({ req, res, next, requirement }, error);
      }
      next();
    };
    if (fresh !== true) return check();
    try {
      refreshAuth(req, check);
    } catch (error) {
      next(error);
    }
  };
}

/** T-017, T-018: a condition that is misspelled, empty or of the wrong type stops the start instead of being skipped. */
export function parseRequirement(options: AccessRequirement, others: readonly string[]): AccessRequirement {
  const { scope, acr, maxAgeSeconds, caller } = options;
  for (const [key, value] of Object.entries(options)) {
    if (!["scope", "acr", "maxAgeSeconds", "caller", ...others].includes(key))
      throw new TypeError(`Unknown condition "${key}".`);
    if (value === undefined)
      throw new TypeError(`The condition "${key}" is undefined: leave it out or give it a value.`);
  }
  const scopes = scopeList(scope);
  if (scope !== undefined && (scopes.length === 0 || !scopes.every(isToken)))
    throw new TypeError("scope must name scopes.");
  if (acr !== undefined && !isToken(acr)) throw new TypeError("acr must be an authentication context class.");
  if (maxAgeSeconds !== undefined && !(Number.isInteger(maxAgeSeconds) && maxAgeSeconds >= 0)) {
    throw new TypeError("maxAgeSeconds must be a whole number of seconds.");
  }
  if (caller !== undefined && !["user", "service", "any"].includes(caller)) {
    throw new TypeError("caller must be user, service or any.");
  }
  if (caller !== undefined && caller !== "user" && (acr !== undefined || maxAgeSeconds !== undefined)) {
    throw new TypeError("acr and maxAgeSeconds are about people: no service ever has them.");
  }
  return {
    ...(caller === undefined ? {} : { caller }),
    ...(scope === undefined ? {} : { scope: scopes }),
    ...(acr === undefined ? {} : { acr }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  };
}

/** RFC 6749 section 3.3 scope-token: printable, no blank, quote or backslash, so it fits a challenge header. */
const isToken = (value: unknown): boolean => typeof value === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);

interface Refused {
  readonly req: NodeRequest;
  readonly res: ServerResponse;
  readonly next: (error?: unknown) => void;
  readonly requirement: AccessRequirement;
}

/** What the code table knows is answered; a programmer's mistake goes to the application's error handler. */
export function refuseOrThrow({ req, res, next, requirement }: Refused, caught: unknown): void {
  if (caught instanceof TypeError) return next(caught);
  const error = SegnoError.from(caught);
  if (error.code === "internal") return next(error);
  refuse(req, res, error, requirement);
}
