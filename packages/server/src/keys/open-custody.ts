import { AsyncLocalStorage } from "node:async_hooks";
import type { SegnoEventData } from "@segno/core";
import type { Actor, Engine, Observer } from "../engine.js";
import type { KeyCustody } from "./custody.js";
import { type GuardedCustody, guardCustody } from "./guard-custody.js";
import { custodyId } from "./key-material.js";
import { createLocalCustody } from "./local-custody.js";

type CustodyParts = Pick<Engine, "config" | "clock" | "store" | "secrets" | "log" | "events">;

/** Outages told of at most this often: a flapping vault must not flood whoever listens. */
const quietMs = 60_000;
const actor: Actor = { requestId: "keys" };

/** The custody of this engine behind its guard, with its outages told as events. The local one needs no guard. */
export function openCustody(parts: CustodyParts, given: KeyCustody | undefined, observer: Observer): GuardedCustody {
  if (given === undefined) {
    const custody = createLocalCustody(parts.secrets);
    return { custody, isFailing: () => false, takeSignFigures: () => undefined, stop: async () => {} };
  }
  const { clock, config, log } = parts;
  const name = custodyId(given);
  const outside = AsyncLocalStorage.snapshot();
  const underWay = new Set<Promise<void>>();
  let toldAtMs: number | undefined;
  let isTold = false;

  function tell<Type extends "key.custody_failed" | "key.custody_recovered">(
    type: Type,
    data: SegnoEventData<Type>,
  ): void {
    // never within whatever transaction happened to notice
    const told = outside(() => parts.store.transaction((trx) => parts.events.append(trx, type, actor, data))).then(
      () => parts.events.nudge(),
      () => log.warn("An outage of the key custody could not be told as an event.", { type }),
    );
    underWay.add(told);
    void told.finally(() => underWay.delete(told));
  }

  const guarded = guardCustody(given, {
    clock,
    observer,
    timeoutMs: config.keys.custodyTimeoutSeconds * 1000,
    onFailed({ call, fault, failures, reason }) {
      log.error("The key custody does not answer. Tokens are signed as long as keys are open in memory.", {
        custody: name,
        call,
        fault,
        reason,
      });
      const sinceMs = clock.nowMs() - (toldAtMs ?? Number.NEGATIVE_INFINITY);
      isTold = !(sinceMs >= 0 && sinceMs < quietMs);
      if (!isTold) return;
      toldAtMs = clock.nowMs();
      tell("key.custody_failed", { custody: name, call, fault, failures });
    },
    onRecovered({ downMs, failures }) {
      const downSeconds = Math.round(downMs / 1000);
      log.info("The key custody answers again.", { custody: name, downSeconds });
      if (isTold) tell("key.custody_recovered", { custody: name, downSeconds, failures });
    },
  });
  return {
    ...guarded,
    async stop() {
      await guarded.stop();
      await Promise.all(underWay);
    },
  };
}
