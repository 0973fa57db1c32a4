import type { ResolvedConfig } from "../config.js";
import type { Schema } from "../storage/schema.js";

type Limits = Pick<Schema["segno_sessions"], "idle_expires_at" | "absolute_expires_at">;

/** The limits of a session that starts now. */
export function newSessionLimits(config: ResolvedConfig, nowMs: number): Limits {
  const absolute = nowMs + config.session.absoluteSeconds * 1000;
  return {
    absolute_expires_at: absolute,
    idle_expires_at: slidIdleLimit(config, { idle_expires_at: 0, absolute_expires_at: absolute }, nowMs),
  };
}

/** Where the idle limit moves to on use: never backwards, never past the absolute limit. */
export function slidIdleLimit(config: ResolvedConfig, limits: Limits, nowMs: number): number {
  const slid = Math.min(nowMs + config.session.idleSeconds * 1000, limits.absolute_expires_at);
  return Math.max(limits.idle_expires_at, slid);
}

/** When the session ends if it is not used again. */
export function sessionEndsAt(limits: Limits): number {
  return Math.min(limits.idle_expires_at, limits.absolute_expires_at);
}

/**
 * The cookie's Max-Age in seconds. The cookie lives as long as the row possibly can, so the row alone decides: there is
 * no second clock in the browser to fall out of step with it, and reading a session never has to set a cookie again.
 */
export function sessionCookieSeconds(limits: Limits, nowMs: number): number {
  return Math.max(0, Math.floor((limits.absolute_expires_at - nowMs) / 1000));
}
