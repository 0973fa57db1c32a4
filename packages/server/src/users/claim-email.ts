import type { Db, Engine } from "../engine.js";
import { normalizeEmail } from "./normalize-email.js";
import { deleteClaim, insertIdentifier, selectIdentifiers } from "./store.js";

/**
 * Notes that an account says an address is its own. Proves nothing: many accounts may claim one address, also one that
 * is proved by somebody else already, and none of them learns of the others.
 */
export async function claimEmail(
  engine: Engine,
  trx: Db,
  input: { readonly userId: string; readonly email: string },
): Promise<void> {
  const email = normalizeEmail(input.email);
  const held = await selectIdentifiers(trx, input.userId);
  if (held.some((identifier) => identifier.value === email && identifier.verified_at !== null)) return;
  await deleteClaim(trx, input.userId, email);
  await insertIdentifier(trx, {
    id: engine.newId(),
    user_id: input.userId,
    kind: "email",
    value: email,
    verified_at: null,
    created_at: engine.clock.nowMs(),
  });
}
