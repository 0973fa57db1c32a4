import type { Engine } from "../engine.js";
import { type ClientRow, listClients } from "./store.js";

/** A service account as the application sees it. Times are RFC 3339. Nothing in it authenticates anybody. */
export interface ServiceAccount {
  /** The client id. */
  readonly id: string;
  readonly name: string;
  readonly method: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly accessTokenSeconds: number;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** When it was revoked, or found expired; null while it is good. */
  readonly revokedAt: string | null;
  readonly revokedReason: string | null;
}

/** Every service account that is good, and those that ended in the last 30 days, the newest first. */
export async function listServiceAccounts(engine: Engine): Promise<readonly ServiceAccount[]> {
  return (await listClients(engine.store.db)).map((row) => presentAccount(row));
}

export function presentAccount(row: ClientRow): ServiceAccount {
  const { method } = JSON.parse(row.credential) as { readonly method: string };
  return {
    id: row.id,
    name: row.name,
    method,
    scopes: JSON.parse(row.scopes) as string[],
    audiences: JSON.parse(row.audiences) as string[],
    accessTokenSeconds: row.access_token_seconds,
    createdAt: new Date(row.created_at).toISOString(),
    expiresAt: new Date(row.expires_at).toISOString(),
    revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at).toISOString(),
    revokedReason: row.revoked_reason,
  };
}
