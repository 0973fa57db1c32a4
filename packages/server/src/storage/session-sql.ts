/** The session of a token with its user's status. `placeholder` is the dialect's spelling of the one parameter. */
export function readSessionSql(placeholder: "?" | "$1"): string {
  return `select s.*, u.status as user_status from segno_sessions s join segno_users u on u.id = s.user_id where s.token_hash = ${placeholder}`;
}
