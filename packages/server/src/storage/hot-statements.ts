/** A dialect's spelling of the one parameter. */
type Placeholder = "?" | "$1";

/** The session of a token with its user's status. */
export function readSessionSql(placeholder: Placeholder): string {
  return `select s.*, u.status as user_status from segno_sessions s join segno_users u on u.id = s.user_id where s.token_hash = ${placeholder}`;
}

/** A user with the verified address, else the one claimed last. */
export function readAccountSql(placeholder: Placeholder): string {
  return `select u.*, i.value as email, i.verified_at as email_verified_at from segno_users u left join segno_identifiers i
    on i.id = (select id from segno_identifiers where user_id = u.id
      order by case when verified_at is null then 1 else 0 end, created_at desc, id desc limit 1)
    where u.id = ${placeholder}`;
}
