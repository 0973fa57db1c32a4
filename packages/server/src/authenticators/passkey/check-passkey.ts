import { type AttemptRow, isRefusal, type Refusal } from "../../attempts/index.js";
import type { Actor, Db, Engine } from "../../engine.js";
import { asRefusal } from "./as-refusal.js";
import type { AssertionResponse } from "./ceremony.js";
import { expectationOf } from "./passkey-config.js";
import { type PasskeyOwner, recordUse, selectByCredential } from "./store.js";
import { type VerifiedAssertion, verifyAssertion } from "./verify-assertion.js";

/** A passkey that has just proved itself. */
export interface CheckedPasskey {
  readonly passkey: PasskeyOwner;
  readonly verified: VerifiedAssertion;
}

/**
 * Checks an assertion against a spent attempt and records the use, in the attempt's transaction.
 * @param input.ownerId when given, only this account's passkeys count, and the response may leave out whose it is
 * @returns a refusal for an unknown passkey, a failed check, or a counter that did not grow (with its `risk.alert`)
 */
export async function checkPasskey(
  engine: Engine,
  trx: Db,
  input: { readonly attempt: AttemptRow; readonly response: AssertionResponse; readonly ownerId?: string },
  actor: Actor,
): Promise<CheckedPasskey | Refusal> {
  const passkey = await selectByCredential(trx, input.response.id);
  if (passkey === undefined || (input.ownerId !== undefined && passkey.user_id !== input.ownerId)) {
    return { refused: "passkey_unknown" };
  }
  const expected = { ...expectationOf(engine, input.attempt), requiresUserHandle: input.ownerId === undefined };
  const verified = await asRefusal(verifyAssertion(input.response, passkey, expected));
  if (isRefusal(verified)) return verified;
  const isRecorded =
    !verified.isCounterRegression &&
    (await recordUse(trx, {
      id: passkey.id,
      counter: verified.counter,
      backedUp: verified.isBackedUp,
      nowMs: engine.clock.nowMs(),
    }));
  if (isRecorded) return { passkey, verified };
  const alert = { kind: "passkey_counter", detail: "the signature counter did not grow: the key may have been copied" };
  await engine.events.append(trx, "risk.alert", { ...actor, subject: passkey.user_id }, alert);
  return { refused: "passkey_rejected", reason: "counter" };
}
