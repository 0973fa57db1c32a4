import type { SessionAccountRow, SessionRow, Store, StoredToken } from "../ports.js";

/** A dialect's spelling of the one parameter. */
type Placeholder = "?" | "$1";

/** What a check reads of a session, in the order of the statements. */
const sessionColumns = [
  "id",
  "user_id",
  "client_id",
  "acr",
  "amr",
  "auth_time",
  "last_seen_at",
  "idle_expires_at",
  "absolute_expires_at",
  "revoked_at",
] as const satisfies readonly (keyof SessionRow)[];

export const sessionRowColumns: readonly (keyof SessionRow)[] = [...sessionColumns, "user_status"];

export const sessionAccountRowColumns: readonly (keyof SessionAccountRow)[] = [
  ...sessionRowColumns,
  "created_at",
  "device_name",
  "user_display_name",
  "user_created_at",
  "email",
  "email_verified_at",
];

const ofSession = sessionColumns.map((name) => `s.${name}`).join(", ");

/** The session of a token with its user's status. */
export function readSessionSql(placeholder: Placeholder): string {
  // SQLite would go through the primary key to the row, one tree more among a million users
  const users = placeholder === "?" ? "segno_users u indexed by segno_users_status" : "segno_users u";
  return `select ${ofSession}, u.status as user_status from segno_sessions s join ${users} on u.id = s.user_id where s.token_hash = ${placeholder}`;
}

const latest = "order by created_at desc, id desc limit 1";
/** Along the index on (user_id, created_at, id): nothing is sorted. */
const shownIdentifier = `left join segno_identifiers i on i.id = coalesce(
    (select id from segno_identifiers where user_id = u.id and verified_at is not null ${latest}),
    (select id from segno_identifiers where user_id = u.id ${latest}))`;

/** The same with what is shown of the user: the verified address, else the one claimed last. */
export function readSessionAccountSql(placeholder: Placeholder): string {
  return `select ${ofSession}, u.status as user_status, s.created_at, s.device_name,
    u.display_name as user_display_name, u.created_at as user_created_at, i.value as email, i.verified_at as email_verified_at
    from segno_sessions s join segno_users u on u.id = s.user_id ${shownIdentifier} where s.token_hash = ${placeholder}`;
}

/** A user with the verified address, else the one claimed last. */
export function readAccountSql(placeholder: Placeholder): string {
  return `select u.*, i.value as email, i.verified_at as email_verified_at from segno_users u ${shownIdentifier} where u.id = ${placeholder}`;
}

/**
 * The live session and active user of a token that is not revoked, neither by its own id nor by its place in the status
 * lists, nor with its refresh family. Parameters: see `tokenLiveParameters`.
 */
export function tokenLiveSql(dialect: Store["dialect"]): string {
  const [sid, sub, idle, absolute, jti, place, familyPlace] =
    dialect === "sqlite" ? "???????" : ["$1", "$2", "$3", "$4", "$5", "$6", "$7"];
  return `select 1 from segno_sessions s join segno_users u on u.id = s.user_id
    where s.id = ${sid} and s.user_id = ${sub} and s.revoked_at is null
      and s.idle_expires_at > ${idle} and s.absolute_expires_at > ${absolute} and u.status = 'active'
      and not exists (select 1 from segno_revoked_tokens r where r.jti = ${jti})
      and not exists (select 1 from segno_revoked_tokens r where r.status_index = ${place})
      and not exists (select 1 from segno_refresh_families f
        where f.session_id = s.id and f.status_index = ${familyPlace} and f.revoked_at is not null)`;
}

/** In the order of the statement. */
export function tokenLiveParameters(token: StoredToken): [string, string, number, number, string, number, number] {
  const place = token.statusIndex ?? noPlace;
  return [token.sid, token.sub, token.nowMs, token.nowMs, token.jti, place, place];
}

/** Of a token that names none: no row has it. */
const noPlace = -1;
