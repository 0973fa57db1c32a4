import type { PasskeyRow } from "./store.js";

/** A passkey as the API shows it. */
export interface PasskeyView {
  readonly id: string;
  /** As authenticators know it, base64url: for the signal API. */
  readonly credentialId: string;
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly backedUp: boolean;
  readonly transports: readonly string[];
}

export function presentPasskey(row: PasskeyRow): PasskeyView {
  return {
    id: row.id,
    credentialId: row.credential_id,
    name: row.name,
    createdAt: new Date(row.created_at).toISOString(),
    lastUsedAt: row.last_used_at === null ? null : new Date(row.last_used_at).toISOString(),
    backedUp: row.backed_up === 1,
    transports: JSON.parse(row.transports) as string[],
  };
}
