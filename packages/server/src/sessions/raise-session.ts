import { SegnoError, type SignInMethod } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import type { OpenedSession } from "./create-session.js";
import { forgetSession } from "./session-watch.js";
import { hashSessionToken, newSessionToken } from "./session-token.js";

/**
 * Records a fresh proof on a session: `acr`, `amr` and `auth_time` become exactly what was proved now, and the token is
 * replaced, so that a token planted or seen before the step-up is worth nothing after it. The id stays: refresh
 * families and the device list go on.
 * @throws SegnoError `session_expired` when the session is not live any more
 */
export async function raiseSession(
  engine: Engine,
  trx: Db,
  input: {
    readonly sessionId: string;
    readonly acr: string;
    readonly amr: readonly string[];
    /** Default `passkey`. */
    readonly method?: SignInMethod;
    readonly attemptId?: string;
  },
  actor: Actor,
): Promise<OpenedSession> {
  const nowMs = engine.clock.nowMs();
  const token = newSessionToken(engine.random);
  const session = await trx
    .updateTable("segno_sessions")
    .set({
      token_hash: hashSessionToken(token),
      acr: input.acr,
      amr: JSON.stringify(input.amr),
      auth_time: nowMs,
      last_seen_at: nowMs,
    })
    .where("id", "=", input.sessionId)
    .where("revoked_at", "is", null)
    .where("idle_expires_at", ">", nowMs)
    .where("absolute_expires_at", ">", nowMs)
    .returningAll()
    .executeTakeFirst();
  if (session === undefined) throw new SegnoError("session_expired", "The session to raise is not live.");
  forgetSession(engine, session.id);
  await engine.events.append(
    trx,
    "stepup.success",
    { ...actor, subject: session.user_id, sessionId: session.id, clientId: session.client_id },
    {
      method: input.method ?? "passkey",
      acr: input.acr,
      amr: input.amr,
      ...(input.attemptId === undefined ? {} : { attemptId: input.attemptId }),
    },
  );
  return { token, session };
}
