import type { ClientError, SegnoClient, UiEvent } from "@segno/client";
import type { Store } from "./store.js";

interface Screen {
  readonly status: string;
  readonly error?: ClientError | null;
}
type UiReason = NonNullable<Extract<UiEvent, { type: "ui.ceremony_ended" }>["reason"]>;
/** A way to sign in, as events name it. */
export type Method = "passkey" | "email_code";

/**
 * Tells the service what the person sees and does, by the states of the flow alone: shown, begun, ended, left. Nothing that
 * is typed is in it, and the flow neither waits for it nor notices when it fails.
 */
export function watchScreen<State extends Screen>(
  store: Store<State>,
  client: SegnoClient,
  methodsOf: (state: State) => readonly Method[],
): Store<State> {
  let shown: { readonly flow: string; readonly atMs: number } | undefined;
  let begun: { readonly method: Method; readonly atMs: number } | undefined;
  const since = (atMs: number) => Math.round(performance.now() - atMs);

  const tell = (event: Partial<UiEvent> & Pick<UiEvent, "type">, isLast?: boolean) =>
    shown && client.report({ ...event, flow: shown.flow, surface: "sign_in" } as UiEvent, isLast);
  const end = (reason?: UiReason, isLast?: boolean) => {
    if (!begun) return;
    const { method, atMs } = begun;
    begun = undefined;
    tell({ type: "ui.ceremony_ended", method, durationMs: since(atMs), ...(reason && { reason }) }, isLast);
  };
  const leave = () => {
    // Whoever is signed in did not give up: the app took the screen away at once, or the link was used in another tab.
    if (client.session.get().status === "signed_in") end(undefined, true);
    else if (shown)
      tell({ type: "ui.abandoned", durationMs: since(shown.atMs), ...(begun && { method: begun.method }) }, true);
    close();
  };
  const close = () => {
    shown = begun = undefined;
    globalThis.removeEventListener?.("pagehide", leave);
  };
  const open = (state: State) => {
    shown = { flow: randomName(), atMs: performance.now() };
    globalThis.addEventListener?.("pagehide", leave);
    const methods = methodsOf(state);
    tell({ type: "ui.exposed", canUsePasskey: methods.includes("passkey") });
    for (const method of methods) tell({ type: "ui.method_shown", method });
  };
  const watch = (next: State) => {
    const isDone = next.status === "signed_in";
    const isGone = next.status === "idle" || isDone;
    if (!shown && !isGone) open(next);
    const method = methodOf(next);
    // Many apps go to another page at once: what is told of the end does not wait.
    if (isDone) end(undefined, true);
    else if (begun?.method !== method && !isGone) end(next.error?.code ?? "user_cancelled");
    if (method && !begun) {
      begun = { method, atMs: performance.now() };
      tell({ type: "ui.ceremony_started", method });
    }
    if (isDone) close();
    else if (isGone) leave();
  };
  return {
    ...store,
    set(next) {
      if (next !== store.getState()) watch(next);
      store.set(next);
    },
  };
}

function methodOf({ status }: Screen): Method | undefined {
  if (status === "awaiting_passkey") return "passkey";
  return status === "sending_email" || status === "awaiting_code" ? "email_code" : undefined;
}

/** 22 characters, 110 bits: it only has to differ. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => (byte & 31).toString(32)).join("");
}
