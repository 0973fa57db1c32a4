import { SegnoError } from "@segno/core";
import type { Actor, Db, Engine } from "../../engine.js";
import { insertPasskey, type PasskeyRow } from "./store.js";
import type { RegisteredCredential } from "./verify-registration.js";

/**
 * Stores a verified credential with its event.
 * @throws SegnoError `passkey_exists` when the credential id is known already (L3 7.1 step 26)
 */
export async function addCredential(
  engine: Engine,
  trx: Db,
  input: { readonly userId: string; readonly name: string; readonly credential: RegisteredCredential },
  actor: Actor,
): Promise<PasskeyRow> {
  const { credential } = input;
  const row: PasskeyRow = {
    id: engine.newId(),
    credential_id: credential.credentialId,
    user_id: input.userId,
    public_key: credential.publicKey,
    counter: credential.counter,
    transports: JSON.stringify(credential.transports),
    aaguid: credential.aaguid,
    backup_eligible: credential.isBackupEligible ? 1 : 0,
    backed_up: credential.isBackedUp ? 1 : 0,
    name: input.name,
    created_at: engine.clock.nowMs(),
    last_used_at: null,
  };
  if (!(await insertPasskey(trx, row))) throw new SegnoError("passkey_exists");
  await engine.events.append(
    trx,
    "passkey.added",
    { ...actor, subject: input.userId },
    { passkeyId: row.id, isBackedUp: credential.isBackedUp, transports: credential.transports },
  );
  return row;
}
