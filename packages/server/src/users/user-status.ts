import type { Schema } from "../storage/schema.js";

export type UserStatus = Schema["segno_users"]["status"];
export type UserTransition = "suspend" | "resume" | "delete";

/** The whole state machine. A pair that is not here is refused. */
const transitions: Readonly<Record<UserTransition, { readonly from: readonly UserStatus[]; readonly to: UserStatus }>> =
  {
    suspend: { from: ["active"], to: "suspended" },
    resume: { from: ["suspended"], to: "active" },
    delete: { from: ["active", "suspended"], to: "deleted" },
  };

/** The row of a transition: which states it may leave, and where it leads. */
export function userTransition(verb: UserTransition): {
  readonly from: readonly UserStatus[];
  readonly to: UserStatus;
} {
  return transitions[verb];
}

/** Where `verb` leads from `status`, or undefined when it is not allowed. */
export function nextUserStatus(status: UserStatus, verb: UserTransition): UserStatus | undefined {
  const row = transitions[verb];
  return row.from.includes(status) ? row.to : undefined;
}
