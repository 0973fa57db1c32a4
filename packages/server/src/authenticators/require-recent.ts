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

/** `requireRecent`, with its event: what routes call. */
export async function demandRecent(engine: Engine, caller: Authentication, actor: Actor): Promise<void> {
  try {
    await requireRecent(engine, engine.store.db, caller);
  } catch (error) {
    if (error instanceof SegnoError && error.code === "insufficient_user_authentication") {
      const { acrValues: acr, maxAgeSeconds } = error.detail;
      await engine.store.transaction((trx) =>
        engine.events.append(trx, "stepup.required", actor, {
          ...(typeof acr === "string" ? { acr } : {}),
          ...(typeof maxAgeSeconds === "number" ? { maxAgeSeconds } : {}),
        }),
      );
      engine.events.nudge();
    }
    throw error;
  }
}
