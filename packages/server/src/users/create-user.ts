import type { SignInMethod } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import { insertUser, type UserRow } from "./store.js";

export interface NewUser {
  /** How the first proof was given. */
  readonly method: SignInMethod;
  readonly displayName?: string | undefined;
  /** base64url, when a passkey ceremony already told it to the authenticator. */
  readonly userHandle?: string | undefined;
}

/**
 * Creates an active account with no identifier yet. The WebAuthn user handle is 64 random bytes: it says nothing
 * about the person (WebAuthn L3 section 14.6.1).
 */
export async function createUser(engine: Engine, trx: Db, input: NewUser, actor: Actor): Promise<UserRow> {
  const nowMs = engine.clock.nowMs();
  const row: UserRow = {
    id: engine.newId(),
    status: "active",
    display_name: input.displayName ?? null,
    user_handle: input.userHandle ?? newUserHandle(engine),
    created_at: nowMs,
    updated_at: nowMs,
  };
  await insertUser(trx, row);
  await engine.events.append(trx, "user.created", { ...actor, subject: row.id }, { method: input.method });
  return row;
}

/** 64 random bytes, base64url. */
export function newUserHandle(engine: Pick<Engine, "random">): string {
  return Buffer.from(engine.random.bytes(64)).toString("base64url");
}
