import { SegnoError, type SignInMethod } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import { revokeSessionsOfUser } from "../sessions/index.js";
import { createUser, newUserHandle } from "./create-user.js";
import { normalizeEmail } from "./normalize-email.js";
import { withEmail } from "./with-email.js";
import {
  deleteAttemptsOfAddresses,
  deleteAuthenticators,
  deleteClaims,
  insertIdentifier,
  lockUser,
  selectIdentifiers,
  selectUnprovenClaimant,
  selectUser,
  selectVerifiedOwner,
  type UserRow,
  updateUser,
} from "./store.js";

export interface ProveEmailInput {
  readonly email: string;
  readonly method: SignInMethod;
  /** The account in whose session the mailbox was proved. */
  readonly sessionUserId?: string | undefined;
  /** For an account that begins here. */
  readonly displayName?: string | undefined;
}
export interface ProvenEmail {
  readonly user: UserRow;
  readonly isNewUser: boolean;
  /** The address that this one replaced. */
  readonly replaced?: string;
}

/**
 * The linking rules: somebody has just shown that they read a mailbox. Call it in the transaction that consumed the proof.
 *
 * - In a session, the address becomes that account's address; an address somebody else proved stays theirs.
 * - Outside, the account that proved it before is signed in; nothing about it changes.
 * - Outside, an account that only claimed it, and proved no address at all, is handed to the mailbox owner: whatever
 *   an earlier claimant planted (passkeys, sessions, attempts, other claims, the name) is dropped first.
 * - Otherwise a new account begins, when sign-up is open.
 *
 * Every other claim to the address ends here.
 *
 * @throws SegnoError `email_taken`, `sign_up_closed`, `unauthenticated` when the session's account is gone
 */
export async function proveEmail(engine: Engine, trx: Db, input: ProveEmailInput, actor: Actor): Promise<ProvenEmail> {
  const email = normalizeEmail(input.email);
  const owner = await selectVerifiedOwner(trx, email);
  if (input.sessionUserId !== undefined) {
    return proveInSession(engine, trx, { email, userId: input.sessionUserId, owner }, actor);
  }
  if (owner !== undefined) return { user: owner, isNewUser: false };
  const found = await lockClaimant(engine, trx, email);
  if (found?.owner !== undefined) return { user: found.owner, isNewUser: false };
  if (found === undefined && !engine.config.signIn.signUp) throw new SegnoError("sign_up_closed");
  const { method, displayName } = input;
  const user =
    found === undefined
      ? await createUser(engine, trx, { method, displayName }, withEmail(actor, email))
      : await handOver(engine, trx, { claimant: found.claimant, displayName }, actor);
  await settle(engine, trx, { userId: user.id, email, purpose: "sign_in" }, actor);
  return { user, isNewUser: true };
}

type Found = { readonly owner: UserRow } | { readonly claimant: UserRow; readonly owner?: undefined };

/** The account to hand over, locked, and looked at again: somebody may have proved something while we waited. */
async function lockClaimant(engine: Engine, trx: Db, email: string): Promise<Found | undefined> {
  for (let looks = 0; looks < 5; looks += 1) {
    const seen = await selectUnprovenClaimant(trx, email);
    if (seen === undefined) return undefined;
    await lockUser(trx, seen.id, engine.clock.nowMs());
    const owner = await selectVerifiedOwner(trx, email);
    if (owner !== undefined) return { owner };
    const claimant = await selectUnprovenClaimant(trx, email);
    if (claimant?.id === seen.id) return { claimant };
  }
  throw new SegnoError("conflict", "The accounts that claim this address keep changing.");
}

async function proveInSession(
  engine: Engine,
  trx: Db,
  input: { email: string; userId: string; owner: UserRow | undefined },
  actor: Actor,
): Promise<ProvenEmail> {
  const { email, owner } = input;
  if (owner !== undefined && owner.id !== input.userId) throw new SegnoError("email_taken");
  await lockUser(trx, input.userId, engine.clock.nowMs());
  const user = await selectUser(trx, input.userId);
  if (user === undefined) throw new SegnoError("unauthenticated");
  if (owner !== undefined) return { user, isNewUser: false };
  const held = await selectIdentifiers(trx, user.id);
  const replaced = held.find((identifier) => identifier.verified_at !== null)?.value;
  await deleteClaims(trx, { userId: user.id });
  await settle(engine, trx, { userId: user.id, email, purpose: "add" }, actor);
  return { user, isNewUser: false, ...(replaced === undefined ? {} : { replaced }) };
}

/** The one verified row; every claim to the address is gone before it is written. */
async function settle(
  engine: Engine,
  trx: Db,
  input: { userId: string; email: string; purpose: string },
  actor: Actor,
): Promise<void> {
  const nowMs = engine.clock.nowMs();
  await deleteClaims(trx, { email: input.email });
  await insertIdentifier(trx, {
    id: engine.newId(),
    user_id: input.userId,
    kind: "email",
    value: input.email,
    verified_at: nowMs,
    created_at: nowMs,
  });
  const who = { ...withEmail(actor, input.email), subject: input.userId };
  await engine.events.append(trx, "email.verified", who, { purpose: input.purpose });
}

/** T-002: nothing an earlier claimant planted survives the first proof of the mailbox. */
async function handOver(
  engine: Engine,
  trx: Db,
  input: { claimant: UserRow; displayName: string | undefined },
  actor: Actor,
): Promise<UserRow> {
  const userId = input.claimant.id;
  const planted = await selectIdentifiers(trx, userId);
  await deleteAuthenticators(trx, userId);
  await deleteClaims(trx, { userId });
  await deleteAttemptsOfAddresses(
    trx,
    planted.map((identifier) => identifier.value),
  );
  await revokeSessionsOfUser(engine, trx, { userId, reason: "account_claimed" }, { ...actor, subject: userId });
  const changed = await updateUser(trx, userId, {
    display_name: input.displayName ?? null,
    user_handle: newUserHandle(engine),
    updated_at: engine.clock.nowMs(),
  });
  if (changed === undefined) throw new SegnoError("conflict");
  return changed;
}
