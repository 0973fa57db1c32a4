import type { ExpressionBuilder } from "kysely";
import type { Db } from "../engine.js";
import { deleteInPortions, prepared, type SlotOf } from "../storage/index.js";
import type { Schema } from "../storage/schema.js";

export type FamilyRow = Schema["segno_refresh_families"];
export type SessionColumns = Schema["segno_sessions"];

// what a refresh reads back: each column more is a string more to make
const familyFacts = [
  "id",
  "session_id",
  "user_id",
  "client_id",
  "scope",
  "audience",
  "dpop_jkt",
  "generation",
  "idle_expires_at",
  "status_index",
] as const;
const sessionFacts = ["id", "user_id", "acr", "amr", "auth_time", "absolute_expires_at", "signed_by"] as const;
/** What an answer to a refresh is made of. */
export type FamilyFacts = Pick<FamilyRow, (typeof familyFacts)[number]>;
/** What an access token says of its session. */
export type SessionFacts = Pick<SessionColumns, (typeof sessionFacts)[number]>;

/** A family with its session, as one statement saw them. */
export interface FamilyWithSession {
  readonly family: FamilyRow;
  readonly session: SessionColumns;
  /** Neither revoked nor over, and its user is active. */
  readonly isSessionLive: boolean;
}

export async function insertFamily(trx: Db, row: FamilyRow): Promise<void> {
  await trx.insertInto("segno_refresh_families").values(row).execute();
}

const familyById = prepared((db, slot: SlotOf<{ familyId: string }>) =>
  db
    .selectFrom("segno_refresh_families as f")
    .innerJoin("segno_sessions as s", "s.id", "f.session_id")
    .innerJoin("segno_users as u", "u.id", "f.user_id")
    .selectAll("f")
    .select([
      "u.status as user_status",
      "s.acr as s_acr",
      "s.amr as s_amr",
      "s.auth_time as s_auth_time",
      "s.token_hash as s_token_hash",
      "s.device_name as s_device_name",
      "s.created_at as s_created_at",
      "s.last_seen_at as s_last_seen_at",
      "s.idle_expires_at as s_idle_expires_at",
      "s.absolute_expires_at as s_absolute_expires_at",
      "s.revoked_at as s_revoked_at",
      "s.revoked_reason as s_revoked_reason",
      "s.status_index as s_status_index",
      "s.signed_by as s_signed_by",
    ])
    .where("f.id", "=", slot("familyId")),
);

export async function findFamily(db: Db, familyId: string, nowMs: number): Promise<FamilyWithSession | undefined> {
  const [row] = await familyById(db, { familyId });
  if (row === undefined) return undefined;
  const session: SessionColumns = {
    id: row.session_id,
    token_hash: row.s_token_hash,
    user_id: row.user_id,
    client_id: row.client_id,
    device_name: row.s_device_name,
    acr: row.s_acr,
    amr: row.s_amr,
    auth_time: row.s_auth_time,
    created_at: row.s_created_at,
    last_seen_at: row.s_last_seen_at,
    idle_expires_at: row.s_idle_expires_at,
    absolute_expires_at: row.s_absolute_expires_at,
    revoked_at: row.s_revoked_at,
    revoked_reason: row.s_revoked_reason,
    status_index: row.s_status_index,
    signed_by: row.s_signed_by,
  };
  const isSessionLive =
    session.revoked_at === null &&
    session.idle_expires_at > nowMs &&
    session.absolute_expires_at > nowMs &&
    row.user_status === "active";
  return { family: row, session, isSessionLive };
}

export interface Rotation {
  readonly familyId: string;
  readonly presentedHash: string;
  readonly successorHash: string;
  readonly successorNonce: string;
  readonly clientId: string;
  /** Thumbprint of the key that was proven, if one was. */
  readonly jkt: string | null;
  readonly nowMs: number;
  /** Where the idle limit moves to, unless the family ends before. */
  readonly idleExpiresAtMs: number;
}

/** A session that is neither revoked nor over, of an active user. */
const ofLiveSession = (eb: ExpressionBuilder<Schema, "segno_refresh_families">, nowMs: number) =>
  eb.exists(
    eb
      .selectFrom("segno_sessions as s")
      .innerJoin("segno_users as u", "u.id", "s.user_id")
      .select("s.id")
      .whereRef("s.id", "=", "segno_refresh_families.session_id")
      .where("s.revoked_at", "is", null)
      .where("s.idle_expires_at", ">", nowMs)
      .where("s.absolute_expires_at", ">", nowMs)
      .where("u.status", "=", "active"),
  );

/** Where the idle limit moves to, unless the family ends before. */
const movedIdleLimit = (eb: ExpressionBuilder<Schema, "segno_refresh_families">, idleExpiresAtMs: number) =>
  eb
    .case()
    .when("absolute_expires_at", "<", idleExpiresAtMs)
    .then(eb.ref("absolute_expires_at"))
    .else(idleExpiresAtMs)
    .end();

const rotation = prepared((db, slot: SlotOf<Rotation>) =>
  db
    .updateTable("segno_refresh_families")
    .set((eb) => ({
      generation: eb("generation", "+", 1),
      previous_hash: slot("presentedHash"),
      current_hash: slot("successorHash"),
      successor_nonce: slot("successorNonce"),
      rotated_at: slot("nowMs"),
      idle_expires_at: movedIdleLimit(eb, slot("idleExpiresAtMs")),
    }))
    .where("id", "=", slot("familyId"))
    .where("current_hash", "=", slot("presentedHash"))
    .where("client_id", "=", slot("clientId"))
    .where((eb) => eb.or([eb("dpop_jkt", "is", null), eb("dpop_jkt", "=", slot("jkt"))]))
    .where("revoked_at", "is", null)
    .where("idle_expires_at", ">", slot("nowMs"))
    .where("absolute_expires_at", ">", slot("nowMs"))
    .where((eb) => ofLiveSession(eb, slot("nowMs")))
    .returning(familyFacts),
);

/**
 * The rotation: one conditional statement. It takes effect for the token that is current, in a family that is live, of
 * the client named and bound to the key proven or to none, of a session that is live, of a user who is active; for
 * nothing else.
 * @returns the family as it is now; undefined when any of that does not hold (any more)
 */
export async function rotateFamily(trx: Db, input: Rotation): Promise<FamilyFacts | undefined> {
  const [row] = await rotation(trx, input);
  return row;
}

type Keeping = Omit<Rotation, "successorHash" | "successorNonce" | "jkt"> & { readonly jkt: string };

const keeping = prepared((db, slot: SlotOf<Keeping>) =>
  db
    .updateTable("segno_refresh_families")
    .set((eb) => ({ idle_expires_at: movedIdleLimit(eb, slot("idleExpiresAtMs")) }))
    .where("id", "=", slot("familyId"))
    .where("current_hash", "=", slot("presentedHash"))
    .where("client_id", "=", slot("clientId"))
    .where("dpop_jkt", "=", slot("jkt"))
    .where("revoked_at", "is", null)
    .where("idle_expires_at", ">", slot("nowMs"))
    .where("absolute_expires_at", ">", slot("nowMs"))
    .where((eb) => ofLiveSession(eb, slot("nowMs")))
    .returning(familyFacts),
);

/** The same conditions as the rotation, for a family bound to the key proven: it goes on, and its token stays. */
export async function keepBoundFamily(trx: Db, input: Keeping): Promise<FamilyFacts | undefined> {
  const [row] = await keeping(trx, input);
  return row;
}

interface KeepAlive {
  readonly sessionId: string;
  readonly nowMs: number;
  readonly idleExpiresAtMs: number;
}

const keptAlive = prepared((db, slot: SlotOf<KeepAlive>) =>
  db
    .updateTable("segno_sessions")
    .set((eb) => ({
      last_seen_at: slot("nowMs"),
      idle_expires_at: eb
        .case()
        .when("idle_expires_at", "<", slot("idleExpiresAtMs"))
        .then(slot("idleExpiresAtMs"))
        .else(eb.ref("idle_expires_at"))
        .end(),
    }))
    .where("id", "=", slot("sessionId"))
    .where("revoked_at", "is", null)
    .returning(sessionFacts),
);

/**
 * A session lives at least as long as its refresh family does: what moves one limit moves the other.
 * @returns the session as it is now; undefined when it was revoked
 */
export async function keepSessionAlive(trx: Db, input: KeepAlive): Promise<SessionFacts | undefined> {
  const [row] = await keptAlive(trx, input);
  return row;
}

/** Ends a family. @returns false when it had ended before */
export async function endFamily(
  trx: Db,
  input: { readonly familyId: string; readonly nowMs: number; readonly reason: string },
): Promise<boolean> {
  const row = await trx
    .updateTable("segno_refresh_families")
    .set({ revoked_at: input.nowMs, revoked_reason: input.reason, successor_nonce: null })
    .where("id", "=", input.familyId)
    .where("revoked_at", "is", null)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Ends all but the newest families of a session. @returns the ids of those that ended */
export async function trimFamilies(
  trx: Db,
  input: { readonly sessionId: string; readonly keep: number; readonly nowMs: number },
): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom("segno_refresh_families")
    .select("id")
    .where("session_id", "=", input.sessionId)
    .where("revoked_at", "is", null)
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .execute();
  const ended: string[] = [];
  for (const { id } of rows.slice(input.keep))
    if (await endFamily(trx, { familyId: id, nowMs: input.nowMs, reason: "replaced" })) ended.push(id);
  return ended;
}

/** @returns false when it was revoked before */
export async function insertRevokedToken(
  trx: Db,
  token: {
    readonly jti: string;
    readonly expiresAtMs: number;
    readonly nowMs: number;
    readonly statusIndex: number | undefined;
  },
): Promise<boolean> {
  const row = await trx
    .insertInto("segno_revoked_tokens")
    .values({
      jti: token.jti,
      expires_at: token.expiresAtMs,
      revoked_at: token.nowMs,
      status_index: token.statusIndex ?? null,
    })
    .onConflict((conflict) => conflict.column("jti").doNothing())
    .returning("jti")
    .executeTakeFirst();
  return row !== undefined;
}

const revocation = prepared((db, slot: SlotOf<{ jti: string; place: number }>) =>
  db
    .selectFrom("segno_revoked_tokens")
    .select("jti")
    .where((eb) => eb.or([eb("jti", "=", slot("jti")), eb("status_index", "=", slot("place"))])),
);

/** Whether a token was revoked, by its own id or with all that name its place in the status lists. */
export async function isRevokedToken(
  db: Db,
  token: { readonly jti: string; readonly statusIndex: number | undefined },
): Promise<boolean> {
  return (await revocation(db, { jti: token.jti, place: token.statusIndex ?? -1 })).length > 0;
}

/** Rows are kept a day past their end, so that a clock that was set back meets them again. */
const keepMs = 86_400_000;

/**
 * Deletes families and revocations that cannot matter any more. Call now and then. A family that merely went idle stays
 * until its absolute limit: the idle limit moves with every refresh, and has no index for that.
 */
export async function sweepTokens(db: Db, nowMs: number): Promise<void> {
  await deleteInPortions((limit) =>
    db
      .deleteFrom("segno_revoked_tokens")
      .where("jti", "in", (from) =>
        from
          .selectFrom("segno_revoked_tokens")
          .select("jti")
          .where("expires_at", "<", nowMs - keepMs)
          .limit(limit),
      )
      .execute(),
  );
  await deleteInPortions((limit) =>
    db
      .deleteFrom("segno_refresh_families")
      .where("id", "in", (from) =>
        from
          .selectFrom("segno_refresh_families")
          .select("id")
          .where((eb) =>
            eb.or([eb("absolute_expires_at", "<", nowMs - keepMs), eb("revoked_at", "<", nowMs - 30 * keepMs)]),
          )
          .limit(limit),
      )
      .execute(),
  );
}
