import { type Authentication, SegnoError } from "@segno/core";
import type { AttemptRow } from "./store.js";

/**
 * An attempt opened in a session is finished in that session, whatever cookie or id the request brings.
 * @throws SegnoError `attempt_unknown`
 */
export function requireOwnAttempt(caller: Authentication, attempt: AttemptRow): void {
  if (attempt.user_id === caller.subject && attempt.session_id === caller.sessionId) return;
  throw new SegnoError("attempt_unknown");
}
