import { hash } from "node:crypto";
import {
  isSegnoError,
  readSecurityEventIssuer,
  type SecurityEvent,
  SegnoError,
  verifySecurityEvent,
} from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import { revokeSessionsOfUser } from "../sessions/index.js";
import { rememberOnce } from "../storage/index.js";
import { resumeUserIn, suspendUserIn } from "../users/index.js";
import { isBearer } from "./authorize-stream.js";
import type { KeysOf, SignalAction, SignalTransmitter } from "./options.js";
import { signalTypeOf } from "./signal-types.js";
import { subjectOf } from "./subject-of.js";

/** A token as it was posted. */
export interface PostedSignal {
  readonly token: string;
  /** The `Authorization` header. */
  readonly authorization: string | null;
  readonly requestId: string;
}

/** How much longer than needed a use is remembered: a clock set back by less meets it again. */
const keepLongerMs = 2 * 3_600_000;
const reason = "by_signal";

/**
 * Acts on a signal of a configured transmitter, once however often it comes: that it was seen and what it changed are one
 * transaction. A signal about nobody here, or that nothing is configured for, is taken like any other, so that nobody learns
 * who has an account.
 * @throws SegnoError `token_*` for why it is refused, `token_issuer` where the issuer is not known; `unauthenticated`;
 * `key_set_unavailable`, `store_unavailable` when it must come again
 */
export async function receiveSignal(
  engine: Engine,
  transmitters: readonly SignalTransmitter[],
  keysOf: KeysOf,
  { token, authorization, requestId }: PostedSignal,
): Promise<void> {
  const issuer = readSecurityEventIssuer(token);
  const transmitter = transmitters.find((each) => each.issuer === issuer);
  if (transmitter === undefined) throw new SegnoError("token_issuer");
  const { tokenHash, audience, algorithms } = transmitter;
  if (tokenHash !== undefined && !isBearer(authorization, tokenHash)) throw new SegnoError("unauthenticated");
  const event = await verifySecurityEvent({
    token,
    issuer,
    audience,
    algorithms,
    keys: keysOf(transmitter),
    nowSeconds: engine.clock.nowMs() / 1000,
  });
  const type = signalTypeOf(event.type);
  const action = type === undefined ? undefined : transmitter.on[type];
  const subject = subjectOf(event.subject, issuer);
  if (action === undefined || subject === undefined) return;
  const userId = await transmitter.subjectOf(subject);
  if (typeof userId !== "string" || userId === "") return;
  const actor: Actor = { requestId, kind: "service", by: issuer };
  await engine.store.transaction(async (trx) => {
    if (await isFirst(trx, issuer, event)) await act(engine, trx, { action, userId }, actor);
  });
  engine.events.nudge();
}

async function isFirst(trx: Db, issuer: string, { jti, expiresAtSeconds }: SecurityEvent): Promise<boolean> {
  const digest = hash("sha256", JSON.stringify([issuer, jti]), "base64url");
  return await rememberOnce(trx, `signal:${digest}`, expiresAtSeconds * 1000 + keepLongerMs);
}

async function act(
  engine: Engine,
  trx: Db,
  { action, userId }: { readonly action: SignalAction; readonly userId: string },
  actor: Actor,
): Promise<void> {
  if (action === "revoke-sessions") {
    await revokeSessionsOfUser(engine, trx, { userId, reason }, actor);
    return;
  }
  const change = action === "suspend" ? suspendUserIn : resumeUserIn;
  try {
    await change(engine, trx, { userId, reason }, actor);
  } catch (error) {
    // it is so already, or there is no such account: neither is the transmitter's business
    if (!isSegnoError(error, "conflict") && !isSegnoError(error, "not_found")) throw error;
  }
}
