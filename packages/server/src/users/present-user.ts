import type { AccountRow, Db, Engine } from "../engine.js";
import { selectIdentifiers, type UserRow } from "./store.js";

/** A user as the API shows it. */
export interface User {
  readonly id: string;
  readonly displayName: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly status: "active" | "suspended";
  /** RFC 3339. */
  readonly createdAt: string;
  /** Details still to ask for, never before sign-in: for example `displayName`. */
  readonly missing: readonly string[];
}

/** The view of one account: its verified address, else the one it claimed last. */
export async function presentUser(engine: Engine, db: Db, row: UserRow): Promise<User> {
  const identifiers = await selectIdentifiers(db, row.id);
  const shown = identifiers.find((identifier) => identifier.verified_at !== null) ?? identifiers[0];
  const account = { ...row, email: shown?.value ?? null, email_verified_at: shown?.verified_at ?? null };
  return presentAccount(engine, account);
}

/** The same of a row that brought its address along. */
export function presentAccount(engine: Engine, row: Omit<AccountRow, "user_handle" | "updated_at">): User {
  return {
    id: row.id,
    displayName: row.display_name,
    email: row.email,
    emailVerified: row.email_verified_at !== null,
    status: row.status === "suspended" ? "suspended" : "active",
    createdAt: new Date(row.created_at).toISOString(),
    missing: engine.config.progressiveDetails.filter((detail) => detail === "displayName" && row.display_name === null),
  };
}
