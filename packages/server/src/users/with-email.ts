import { personal, revealPersonal } from "@segno/core";
import type { Actor } from "../engine.js";

/** The actor, with the address that an event of an account is about: for the audit log alone. */
export function withEmail(actor: Actor, email: string): Actor {
  if (actor.personal === undefined) return actor;
  return { ...actor, personal: personal({ ...revealPersonal(actor.personal), email }) };
}
