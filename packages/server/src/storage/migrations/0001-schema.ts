import type { Migration } from "../migrate.js";

/** Words that differ between the dialects. `{time}` holds milliseconds, `{place}` counts events, `{int}` small whole numbers, `{real}` fractions. */
const words = {
  sqlite: {
    time: "integer",
    place: "integer",
    int: "integer",
    real: "real",
    bytes: "blob",
    outbox_id: "not null",
    end: "strict",
  },
  postgres: {
    time: "double precision",
    place: "double precision",
    int: "integer",
    real: "double precision",
    bytes: "bytea",
    outbox_id: "primary key",
    end: "",
  },
} as const;

const tables = [
  `create table segno_users (
    id text primary key, status text not null, display_name text, user_handle text not null unique,
    created_at {time} not null, updated_at {time} not null
  ) {end}`,
  // a session check asks for the status alone, and finds it in the index: a fourth less work among a million users
  `create index segno_users_status on segno_users (id, status)`,

  `create table segno_identifiers (
    id text primary key, user_id text not null references segno_users (id) on delete cascade,
    kind text not null, value text not null, verified_at {time}, created_at {time} not null,
    unique (user_id, kind, value)
  ) {end}`,
  // the rule behind account linking: one verified owner per address, any number of unproven claims
  `create unique index segno_identifiers_verified on segno_identifiers (kind, value) where verified_at is not null`,
  `create index segno_identifiers_value on segno_identifiers (kind, value)`,
  // whose address is shown: read with every session that a page asks for
  `create index segno_identifiers_user on segno_identifiers (user_id, created_at, id)`,

  `create table segno_sessions (
    id text primary key, token_hash text not null unique, user_id text not null references segno_users (id) on delete cascade,
    client_id text not null, device_name text not null, acr text not null, amr text not null, auth_time {time} not null,
    created_at {time} not null, last_seen_at {time} not null, idle_expires_at {time} not null,
    absolute_expires_at {time} not null, revoked_at {time}, revoked_reason text, status_index {int} not null,
    signed_by text not null default ''
  ) {end}`,
  `create index segno_sessions_user on segno_sessions (user_id)`,
  // no index on a column that moves with every use: each would cost every refresh a page more to write
  `create index segno_sessions_expiry on segno_sessions (absolute_expires_at)`,
  `create index segno_sessions_revoked on segno_sessions (revoked_at) where revoked_at is not null`,

  `create table segno_refresh_families (
    id text primary key, session_id text not null references segno_sessions (id) on delete cascade,
    user_id text not null references segno_users (id) on delete cascade, client_id text not null, scope text not null,
    audience text not null, dpop_jkt text, generation {int} not null, current_hash text not null, previous_hash text,
    successor_nonce text, rotated_at {time}, created_at {time} not null, idle_expires_at {time} not null,
    absolute_expires_at {time} not null, revoked_at {time}, revoked_reason text, status_index {int} not null
  ) {end}`,
  `create index segno_refresh_families_session on segno_refresh_families (session_id)`,
  `create index segno_refresh_families_user on segno_refresh_families (user_id)`,
  `create index segno_refresh_families_expiry on segno_refresh_families (absolute_expires_at)`,
  `create index segno_refresh_families_revoked on segno_refresh_families (revoked_at) where revoked_at is not null`,

  `create table segno_revoked_tokens (
    jti text primary key, expires_at {time} not null, revoked_at {time} not null, status_index {int}
  ) {end}`,
  `create index segno_revoked_tokens_expiry on segno_revoked_tokens (expires_at)`,
  `create index segno_revoked_tokens_status on segno_revoked_tokens (status_index) where status_index is not null`,

  // which places of the status lists are taken: one owner each, of whatever kind, until no token can name it any more
  `create table segno_status_indexes (status_index {int} primary key, expires_at {time} not null) {end}`,
  `create index segno_status_indexes_expiry on segno_status_indexes (expires_at)`,
  `create table segno_client_statuses (client_id text primary key, status_index {int} not null) {end}`,

  `create table segno_clients (
    id text primary key, name text not null, credential text not null, scopes text not null, audiences text not null,
    access_token_seconds {int} not null, certificate_bound {int} not null, created_at {time} not null,
    expires_at {time} not null, revoked_at {time}, revoked_reason text
  ) {end}`,
  `create index segno_clients_expiry on segno_clients (expires_at) where revoked_at is null`,

  `create table segno_attempts (
    id text primary key, kind text not null, browser_hash text not null,
    user_id text references segno_users (id) on delete cascade, session_id text references segno_sessions (id) on delete cascade,
    identifier text, challenge text, code_mac text, link_hash text, data text not null, tries {int} not null,
    created_at {time} not null, expires_at {time} not null, consumed_at {time}, abandoned_at {time}
  ) {end}`,
  `create unique index segno_attempts_link on segno_attempts (link_hash) where link_hash is not null`,
  `create index segno_attempts_identifier on segno_attempts (identifier) where identifier is not null`,
  `create index segno_attempts_user on segno_attempts (user_id) where user_id is not null`,
  `create index segno_attempts_session on segno_attempts (session_id) where session_id is not null`,
  `create index segno_attempts_expiry on segno_attempts (expires_at)`,
  // what the sweep has not told of yet
  `create index segno_attempts_open on segno_attempts (expires_at) where consumed_at is null and abandoned_at is null`,

  `create table segno_consents (
    user_id text not null references segno_users (id) on delete cascade, purpose text not null, version {int} not null,
    granted_at {time} not null, withdrawn_at {time}, primary key (user_id, purpose)
  ) {end}`,

  `create table segno_passkeys (
    id text primary key, credential_id text not null unique, user_id text not null references segno_users (id) on delete cascade,
    public_key text not null, counter {real} not null, transports text not null, aaguid text not null,
    backup_eligible {int} not null, backed_up {int} not null, name text not null, created_at {time} not null, last_used_at {time}
  ) {end}`,
  `create index segno_passkeys_user on segno_passkeys (user_id)`,

  `create table segno_keys (
    kid text primary key, purpose text not null, algorithm text not null, custody text not null, state text not null,
    public_jwk text not null, private_sealed text not null, created_at {time} not null, published_at {time} not null,
    signing_at {time}, verify_only_at {time}, retired_at {time}, latest_exp {time}, destroyed_at {time}, settled_at {time}
  ) {end}`,
  `create index segno_keys_state on segno_keys (purpose, state)`,
  // at most one key signs and at most one is the spare: of N nodes that rotate or start at once, one gets its way
  `create unique index segno_keys_signing on segno_keys (purpose) where state = 'signing'`,
  `create unique index segno_keys_spare on segno_keys (purpose) where state = 'published'`,

  `create table segno_key_uses (
    kid text not null, since {time} not null, count {real} not null,
    latest_exp {time} not null, primary key (kid, since)
  ) {end}`,
  `create table segno_verifiers (id text primary key, name text, seen_at {time} not null, holds_at {time} not null) {end}`,
  `create index segno_verifiers_seen on segno_verifiers (seen_at)`,

  `create table segno_sli (
    name text not null, at {time} not null, is_hour {int} not null, good {real} not null, total {real} not null,
    primary key (name, at, is_hour)
  ) {end}`,
  `create index segno_sli_age on segno_sli (at)`,
  `create table segno_slo_alerts (id text primary key, since {time} not null) {end}`,

  `create table segno_outbox (
    id text {outbox_id}, type text not null, subject text, payload text not null, personal text,
    created_at {time} not null, position {place}
  ) {end}`,
  // the one index that every event pays for when it is written: what has no position yet
  `create unique index segno_outbox_waiting on segno_outbox (id) where position is null`,
  `create unique index segno_outbox_position on segno_outbox (position) where position is not null`,
  // one row, whose lock is the turn to give positions away
  `create table segno_event_sequence (name text primary key, position {place} not null) {end}`,
  `create table segno_event_cursors (
    name text primary key, position {place} not null, lease_id text, lease_until {time} not null,
    failures {int} not null, next_attempt_at {time} not null, last_error text, accepted_at {time}, seen_at {time} not null
  ) {end}`,
  `create table segno_event_failures (
    consumer text not null, event_id text not null, position {place} not null, type text not null, subject text,
    payload text not null, attempts {int} not null, next_attempt_at {time} not null, reason text not null,
    failed_at {time} not null, dead_at {time}, primary key (consumer, event_id)
  ) {end}`,
  `create index segno_event_failures_due on segno_event_failures (consumer, next_attempt_at) where dead_at is null`,
  `create index segno_event_failures_subject on segno_event_failures (consumer, subject, position) where dead_at is null`,
  `create index segno_event_failures_dead on segno_event_failures (consumer, position) where dead_at is not null`,

  `create table segno_subject_keys (
    subject text primary key, id text not null unique, wrapped text not null, created_at {time} not null, destroyed_at {time}
  ) {end}`,

  `create table segno_signals (
    stream text not null, jti text not null, position {place} not null, claims text not null, primary key (stream, jti)
  ) {end}`,
  `create index segno_signals_order on segno_signals (stream, position, jti)`,

  `create table segno_mail (
    id text primary key, sealed text not null, created_at {time} not null, attempts {int} not null,
    next_attempt_at {time} not null, locked_until {time} not null
  ) {end}`,
  `create index segno_mail_due on segno_mail (next_attempt_at, id)`,

  `create table segno_rate_limits (key text primary key, tat {real} not null, expires_at {real} not null) {end}`,
  `create index segno_rate_limits_expiry on segno_rate_limits (expires_at)`,

  `create table segno_once (key text primary key, expires_at {time} not null) {end}`,
  `create index segno_once_expiry on segno_once (expires_at)`,

  // the audit log: a row for each log, its leaves, the hashes of its tiles, and every checkpoint
  `create table segno_audit_logs (origin text primary key, size {time} not null, root {bytes} not null) {end}`,
  `create table segno_audit_leaves (
    origin text not null, leaf_index {time} not null, leaf {bytes} not null, primary key (origin, leaf_index)
  ) {end}`,
  `create table segno_audit_tiles (
    origin text not null, level {int} not null, tile_index {time} not null, hashes {bytes} not null,
    primary key (origin, level, tile_index)
  ) {end}`,
  `create table segno_audit_checkpoints (
    origin text not null, size {time} not null, note text not null, primary key (origin, size)
  ) {end}`,
];

function inDialect(dialect: keyof typeof words): readonly string[] {
  const table: Readonly<Record<string, string>> = words[dialect];
  return tables.map((statement) => statement.replace(/\{(\w+)\}/g, (_, word: string) => table[word] ?? "").trim());
}

export const schemaMigration: Migration = {
  number: 1,
  name: "schema",
  sqlite: inDialect("sqlite"),
  postgres: inDialect("postgres"),
};
