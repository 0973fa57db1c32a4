/** A dialect's spelling of the one parameter. */
type Placeholder = "?" | "$1";

/** The session of a token with its user's status. */
export function readSessionSql(placeholder: Placeholder): string {
  return `select s.*, u.status as user_status from segno_sessions s join segno_users u on u.id = s.user_id where s.token_hash = ${placeholder}`;
}

const shownIdentifier = `left join segno_identifiers i
    on i.id = (select id from segno_identifiers where user_id = u.id
      order by case when verified_at is null then 1 else 0 end, created_at desc, id desc limit 1)`;

/** The same with what is shown of the user: the verified address, else the one claimed last. */
export function readSessionAccountSql(placeholder: Placeholder): string {
  return `select s.*, u.status as user_status, u.display_name as user_display_name, u.created_at as user_created_at,
    i.value as email, i.verified_at as email_verified_at
    from segno_sessions s join segno_users u on u.id = s.user_id ${shownIdentifier} where s.token_hash = ${placeholder}`;
}

/** A user with the verified address, else the one claimed last. */
export function readAccountSql(placeholder: Placeholder): string {
  return `select u.*, i.value as email, i.verified_at as email_verified_at from segno_users u ${shownIdentifier} where u.id = ${placeholder}`;
}
