import type { TabChannel } from "../ports.js";
import type { HeldToken } from "../tokens/held-token.js";
import type { SessionSnapshot } from "../wire.js";

/** What tabs of one origin tell each other. */
export type TabMessage =
  | { readonly kind: "session"; readonly snapshot: SessionSnapshot | null; readonly from: string | null }
  | { readonly kind: "token"; readonly key: string; readonly token: SharedToken };

/** A token on its way to another tab: how long it lasts, and when that was true on this machine. */
export interface SharedToken extends Omit<HeldToken, "expiresAtMs"> {
  readonly remainingMs: number;
  readonly sentAtWallMs: number;
}

/** A channel to the other tabs, or undefined where there is none. */
export function openChannel(name: string): TabChannel | undefined {
  if (globalThis.BroadcastChannel === undefined) return undefined;
  const channel = new BroadcastChannel(name);
  // In Node an open channel would keep the process alive.
  if ("unref" in channel && typeof channel.unref === "function") channel.unref();
  return channel as unknown as TabChannel;
}
