import type { Secrets, PersonalFields } from "../../engine.js";

const purpose = "audit-pending";

/**
 * Personal data of an event while it waits beside it in the outbox: sealed, so that no dump, backup or freed page of the
 * database ever holds it in the open.
 */
export function sealPending(secrets: Secrets, eventId: string, fields: PersonalFields): string {
  return secrets.seal(purpose, Buffer.from(JSON.stringify(fields)), eventId);
}

/** @throws SegnoError `key_unavailable` when the secret it was sealed with is not listed any more */
export function openPending(secrets: Secrets, eventId: string, sealed: string): PersonalFields {
  return JSON.parse(Buffer.from(secrets.open(purpose, sealed, eventId)).toString()) as PersonalFields;
}
