import { type Authentication, acrSatisfies, SegnoError } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";

/** The assurance an account can be asked for: `phr` as soon as it has a passkey, else `aal1`. */
export async function enrolledAssurance(_engine: Engine, db: Db, userId: string): Promise<"aal1" | "phr"> {
  const passkey = await db
    .selectFrom("segno_passkeys")
    .select("id")
    .where("user_id", "=", userId)
    .limit(1)
    .executeTakeFirst();
  return passkey === undefined ? "aal1" : "phr";
}

/**
 * Asks for a proof of identity at the account's enrolled assurance, at most `session.recentSeconds` old: before a factor
 * changes or the account ends (T-105). A weaker factor never changes a stronger one.
 * @throws SegnoError `insufficient_user_authentication`; `detail` holds `acrValues` and `maxAgeSeconds` for the challenge (RFC 9470)
 */
export async function requireRecent(engine: Engine, db: Db, caller: Authentication): Promise<void> {
  const acr = await enrolledAssurance(engine, db, caller.subject);
  const maxAgeSeconds = engine.config.session.recentSeconds;
  const ageSeconds = engine.clock.nowMs() / 1000 - caller.authTime;
  if (acrSatisfies(caller.acr, acr) && ageSeconds <= maxAgeSeconds) return;
  throw new SegnoError("insufficient_user_authentication", "A stronger or more recent proof of identity is needed.", {
    detail: { acrValues: acr, maxAgeSeconds },
  });
}

/** `requireRecent`, with its events: what routes call. Allowed and denied are both on record before anything changes. */
export async function demandRecent(engine: Engine, caller: Authentication, actor: Actor): Promise<void> {
  const refusal = await requireRecent(engine, engine.store.db, caller).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof SegnoError && error.code === "insufficient_user_authentication") return error;
      throw error;
    },
  );
  const { acrValues: acr, maxAgeSeconds } = refusal?.detail ?? {};
  const asked = {
    ...(typeof acr === "string" ? { acr } : {}),
    ...(typeof maxAgeSeconds === "number" ? { maxAgeSeconds } : {}),
  };
  const decided = { policy: "recent-proof", version: 1, decision: refusal === undefined ? "allow" : "deny" } as const;
  await engine.store.transaction(async (trx) => {
    await engine.events.append(trx, "policy.decided", actor, { ...decided, ...asked });
    if (refusal !== undefined) await engine.events.append(trx, "stepup.required", actor, asked);
  });
  engine.events.nudge();
  if (refusal !== undefined) throw refusal;
}
