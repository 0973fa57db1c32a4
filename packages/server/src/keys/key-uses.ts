import type { Engine } from "../engine.js";
import type { KeyPurpose } from "./custody.js";
import type { GuardedCustody } from "./guard-custody.js";
import { announce } from "./announce.js";
import { recordUse } from "./uses-store.js";

interface Use {
  readonly alg: string;
  count: number;
  latestExpMs: number;
}

/** Counts signatures in memory and puts the sums on record, at most once a minute. */
export interface KeyUses {
  count(kid: string, alg: string, expMs: number): void;
  /** Whether anything was signed since the start. */
  hasSigned(): boolean;
  report(): Promise<void>;
}

type KeyUsesParts = Pick<Engine, "clock" | "store" | "events"> & {
  readonly purpose: KeyPurpose;
  readonly custodyId: string;
  readonly takeSignFigures: GuardedCustody["takeSignFigures"];
};

export function createKeyUses(parts: KeyUsesParts): KeyUses {
  const { clock, store, purpose, custodyId: custody } = parts;
  const uses = new Map<string, Use>();
  let hasSigned = false;

  function add(kid: string, { alg, count, latestExpMs }: Readonly<Use>): void {
    const use = uses.get(kid);
    if (use === undefined) {
      uses.set(kid, { alg, count, latestExpMs });
      return;
    }
    use.count += count;
    use.latestExpMs = Math.max(use.latestExpMs, latestExpMs);
  }

  return {
    count(kid, alg, expMs) {
      const use = uses.get(kid);
      if (use === undefined) {
        hasSigned = true;
        uses.set(kid, { alg, count: 1, latestExpMs: expMs });
        return;
      }
      use.count += 1;
      if (expMs > use.latestExpMs) use.latestExpMs = expMs;
    },
    hasSigned: () => hasSigned,
    async report() {
      const report = [...uses];
      if (report.length === 0) return;
      uses.clear();
      const figures = parts.takeSignFigures();
      const calls =
        figures === undefined
          ? {}
          : { failures: figures.failures, meanMs: figures.meanMs, slowestMs: figures.slowestMs };
      const written = store.transaction(async (trx) => {
        for (const [kid, { alg, count, latestExpMs }] of report) {
          await recordUse(trx, { kid, purpose, count, latestExpMs, nowMs: clock.nowMs() });
          await announce(parts, trx, "key.used", { kid, alg, custody, state: "signing", purpose, count, ...calls });
        }
      });
      await written.catch((error: unknown) => {
        // what a store that was away did not take is told the next time
        for (const [kid, use] of report) add(kid, use);
        throw error;
      });
      parts.events.nudge();
    },
  };
}
