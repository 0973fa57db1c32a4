/** Where time comes from. Injected everywhere, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** The machine's clock. */
export const systemClock: Clock = /* @__PURE__ */ Object.freeze({ nowMs: () => Date.now() });
