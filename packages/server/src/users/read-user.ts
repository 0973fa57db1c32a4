import type { Db, Engine } from "../engine.js";
import { selectIdentifiers, selectUnprovenClaimant, selectUser, selectVerifiedOwner, type UserRow } from "./store.js";

/** One account, active or suspended. */
export function readUser(_engine: Engine, db: Db, userId: string): Promise<UserRow | undefined> {
  return selectUser(db, userId);
}

/** The account that proved this address. Claims nobody proved do not count. */
export function findUserByEmail(_engine: Engine, db: Db, email: string): Promise<UserRow | undefined> {
  return selectVerifiedOwner(db, email);
}

/** The address this account proved, for mail to its owner. */
export async function verifiedEmailOf(_engine: Engine, db: Db, userId: string): Promise<string | undefined> {
  const identifiers = await selectIdentifiers(db, userId);
  return identifiers.find((identifier) => identifier.verified_at !== null)?.value;
}

/** Whether the owner of this mailbox has an account, or may take over one that claims the address. Asks both either way. */
export async function hasAccount(_engine: Engine, db: Db, email: string): Promise<boolean> {
  const owner = await selectVerifiedOwner(db, email);
  const claimant = await selectUnprovenClaimant(db, email);
  return owner !== undefined || claimant !== undefined;
}
