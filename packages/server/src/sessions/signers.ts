import { sql } from "kysely";
import type { Db } from "../engine.js";

/** Enough of a kid to tell it from any other. */
const markLength = 12;
/** More keys than this, within the life of a session, are not listed one by one. */
const mostListed = 16;
const markOf = (kid: string): string => ` ${kid.slice(0, markLength)}`;
/** Begins a list that had grown too long: what was in it may have been anything. */
const overflow = "+";

/** Whether it is on record that a key signed a token of a session. */
export function isSignerKnown(session: { readonly signed_by: string }, kid: string): boolean {
  return session.signed_by.includes(markOf(kid));
}

/**
 * Puts on record that a key signed a token of a session. Once for each key and session, in the transaction that the token
 * comes from: no token without its record.
 */
export async function recordSigner(trx: Db, sessionId: string, kid: string): Promise<void> {
  const mark = markOf(kid);
  const full = mostListed * mark.length;
  await trx
    .updateTable("segno_sessions")
    .set((eb) => ({
      signed_by: eb
        .case()
        .when(sql<number>`length(signed_by)`, ">=", full)
        .then(`${overflow}${mark}`)
        .else(sql<string>`signed_by || ${mark}`)
        .end(),
    }))
    .where("id", "=", sessionId)
    .where("signed_by", "not like", `%${mark}%`)
    .execute();
}

/** What the record of a session looks like that may have got a token by this key. */
export function signerPatterns(kid: string): readonly [string, string] {
  return [`%${markOf(kid)}%`, `${overflow}%`];
}
