import type { TelemetryHook } from "@segno/core";

const known = new WeakSet<TelemetryHook>();

/** Says of a hook that it only counts: it looks at no parent, no request id and no trace, and keeps no context. */
export function asCounting<Hook extends TelemetryHook>(hook: Hook): Hook {
  known.add(hook);
  return hook;
}

export function isCounting(hook: TelemetryHook): boolean {
  return known.has(hook);
}
