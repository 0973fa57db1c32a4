import type { KeyContext } from "../custody.js";

/** What a wrapped key is bound to, as authenticated bytes: it opens under its own purpose and kid only. */
export function keyBinding({ purpose, kid }: KeyContext): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`segno/1\n${purpose}\n${kid}`);
}

/** Two contexts that are nobody's, to ask a custody whether it keeps them apart. */
export const probeContexts: readonly [KeyContext, KeyContext] = [
  { purpose: "data", kid: "check-1" },
  { purpose: "data", kid: "check-2" },
];
