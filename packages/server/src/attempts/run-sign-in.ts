import { SegnoError, type SegnoErrorCode, type SignInMethod } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import { isUniqueViolation } from "../storage/index.js";
import { factsOf, noteTold, tellRefused } from "./tell-refused.js";

/** A verdict that must be kept: what the transaction wrote commits, then the caller gets the error. */
export interface Refusal {
  readonly refused: SegnoErrorCode;
  /** Server only, for the error's `detail`. */
  readonly reason?: string;
}

export interface SignInRun {
  readonly method: SignInMethod;
  readonly actor: Actor;
  /** As the request named it. */
  readonly attemptId?: string;
}

/**
 * Runs one sign-in, step-up or proof in one transaction and tells of its failure, whatever the cause.
 * A `Refusal` commits together with its `login.failure`: a spent challenge stays spent. A thrown error rolls back and is
 * announced after it.
 */
export async function runSignIn<Result extends object>(
  engine: Engine,
  run: SignInRun,
  work: (trx: Db) => Promise<Result | Refusal>,
): Promise<Result> {
  let outcome: Result | Refusal;
  try {
    outcome = await onceMore(() =>
      engine.store.transaction(async (trx) => {
        const verdict = await work(trx);
        if (isRefusal(verdict))
          await engine.events.append(trx, "login.failure", run.actor, factsOf(run, verdict.refused));
        return verdict;
      }),
    );
  } catch (error) {
    await tellRefused(engine, run, error);
    throw error;
  } finally {
    engine.events.nudge();
    engine.mail.nudge();
  }
  if (isRefusal(outcome)) {
    const refusal = refusalError(outcome);
    noteTold(refusal);
    throw refusal;
  }
  return outcome;
}

/** A verdict as the error the caller gets, once what it decided is committed. */
export function refusalError({ refused, reason }: Refusal): SegnoError {
  return new SegnoError(refused, undefined, reason === undefined ? {} : { detail: { reason } });
}

export function isRefusal(outcome: object): outcome is Refusal {
  return "refused" in outcome;
}

/** Two proofs of one address at the same moment: the second looks again and finds the first. */
async function onceMore<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    return work();
  }
}
