import type { Schema } from "../storage/schema.js";
import { sessionEndsAt } from "./session-life.js";

/** A session as the API shows it. Times are RFC 3339. */
export interface SessionView {
  readonly id: string;
  readonly userId: string;
  /** Whether this is the session that asked. */
  readonly current: boolean;
  readonly createdAt: string;
  /** To the minute. */
  readonly lastSeenAt: string;
  /** When it ends if it is not used again. */
  readonly expiresAt: string;
  readonly acr: string;
  readonly amr: readonly string[];
  /** When the user last proved who they are. */
  readonly authTime: string;
  readonly deviceName: string;
}

type ShownRow = Omit<Schema["segno_sessions"], "token_hash" | "revoked_reason" | "signed_by">;

/** Turns a row into its view. The token hash never leaves. */
export function presentSession(row: ShownRow, currentSessionId: string | undefined): SessionView {
  return {
    id: row.id,
    userId: row.user_id,
    current: row.id === currentSessionId,
    createdAt: new Date(row.created_at).toISOString(),
    lastSeenAt: new Date(row.last_seen_at).toISOString(),
    expiresAt: new Date(sessionEndsAt(row)).toISOString(),
    acr: row.acr,
    amr: JSON.parse(row.amr) as string[],
    authTime: new Date(row.auth_time).toISOString(),
    deviceName: row.device_name,
  };
}
