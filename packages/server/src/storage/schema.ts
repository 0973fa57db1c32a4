/**
 * Every table, as Kysely sees it. Times are milliseconds since the epoch. Numbers are plain numbers in both dialects
 * (PostgreSQL: double precision for times, exact to 2^53). JSON is text. Flags are 0 or 1.
 */
export interface Schema {
  readonly segno_users: {
    id: string;
    status: "active" | "suspended" | "deleted";
    display_name: string | null;
    /** WebAuthn user handle: 64 random bytes, base64url, nothing personal. */
    user_handle: string;
    created_at: number;
    updated_at: number;
  };
  readonly segno_identifiers: {
    id: string;
    user_id: string;
    kind: "email";
    /** Normalised once, never changed again. Unique among verified rows. */
    value: string;
    verified_at: number | null;
    created_at: number;
  };
  readonly segno_sessions: {
    id: string;
    /** SHA-256 of the opaque token, base64url. */
    token_hash: string;
    user_id: string;
    client_id: string;
    device_name: string;
    acr: string;
    /** JSON list. */
    amr: string;
    auth_time: number;
    created_at: number;
    last_seen_at: number;
    idle_expires_at: number;
    absolute_expires_at: number;
    revoked_at: number | null;
    revoked_reason: string | null;
    /** Its place in the status lists: access tokens it begets carry it. */
    status_index: number;
    /** Which keys signed access tokens of it: the first letters of each kid, with a space before each. */
    signed_by: string;
  };
  readonly segno_refresh_families: {
    id: string;
    session_id: string;
    user_id: string;
    client_id: string;
    scope: string;
    audience: string;
    /** Thumbprint of the key this family is bound to. */
    dpop_jkt: string | null;
    generation: number;
    current_hash: string;
    previous_hash: string | null;
    /** The successor of `previous_hash`, sealed under a key derived from the previous token itself. */
    successor_nonce: string | null;
    rotated_at: number | null;
    created_at: number;
    idle_expires_at: number;
    absolute_expires_at: number;
    revoked_at: number | null;
    revoked_reason: string | null;
    /** Its own place in the status lists: it can end while its session goes on. */
    status_index: number;
  };
  /** Access tokens revoked before their `exp`. */
  readonly segno_revoked_tokens: {
    jti: string;
    expires_at: number;
    revoked_at: number;
    /** The place that was given up with it; null for a token that named none. */
    status_index: number | null;
  };
  /** Places of the status lists that tokens may name. */
  readonly segno_status_indexes: { status_index: number; expires_at: number };
  /** The place that a service's own tokens name: one a client, until they are revoked together. */
  readonly segno_client_statuses: { client_id: string; status_index: number };
  /** Service accounts: confidential clients made at run time. */
  readonly segno_clients: {
    id: string;
    name: string;
    /** JSON: the method with public keys, thumbprints, or the secret's SHA-256. */
    credential: string;
    /** JSON list. */
    scopes: string;
    /** JSON list. */
    audiences: string;
    access_token_seconds: number;
    certificate_bound: number;
    created_at: number;
    expires_at: number;
    revoked_at: number | null;
    revoked_reason: string | null;
  };
  readonly segno_attempts: {
    id: string;
    kind: "email_sign_in" | "email_add" | "passkey_sign_up" | "passkey_sign_in" | "passkey_step_up" | "passkey_add";
    /** SHA-256 of the browser handle in the tx cookie. */
    browser_hash: string;
    user_id: string | null;
    session_id: string | null;
    /** Normalised address. */
    identifier: string | null;
    /** WebAuthn challenge, base64url. */
    challenge: string | null;
    /** HMAC of the code. */
    code_mac: string | null;
    /** SHA-256 of the link token. */
    link_hash: string | null;
    /** JSON, by kind: display name, return path, user handle. */
    data: string;
    tries: number;
    created_at: number;
    expires_at: number;
    consumed_at: number | null;
    /** When it was told that nobody finished it. */
    abandoned_at: number | null;
  };
  /** What people said to the purposes of the configuration: one row each, the last answer. */
  readonly segno_consents: {
    user_id: string;
    purpose: string;
    version: number;
    granted_at: number;
    withdrawn_at: number | null;
  };
  readonly segno_passkeys: {
    id: string;
    credential_id: string;
    user_id: string;
    /** COSE key, base64url. */
    public_key: string;
    counter: number;
    /** JSON list. */
    transports: string;
    aaguid: string;
    backup_eligible: number;
    backed_up: number;
    name: string;
    created_at: number;
    last_used_at: number | null;
  };
  readonly segno_keys: {
    kid: string;
    purpose: string;
    algorithm: string;
    /** Where the private half is: `local`, or the custody's name and mode, as in `vault:remote`. */
    custody: string;
    state: "published" | "signing" | "verify_only" | "retired" | "destroyed" | "compromised";
    /** JSON. */
    public_jwk: string;
    /** The private half wrapped by its custody (PKCS #8), or the custody's name of it. Empty once erased. */
    private_sealed: string;
    created_at: number;
    published_at: number;
    signing_at: number | null;
    verify_only_at: number | null;
    retired_at: number | null;
    /** Latest `exp` signed under this kid. */
    latest_exp: number | null;
    /** When its custody ended it for good. */
    destroyed_at: number | null;
    /** When everything that its compromise had to end was over. */
    settled_at: number | null;
  };
  /** How much each key signed, summed up by spans of time. */
  readonly segno_key_uses: { kid: string; since: number; count: number; latest_exp: number };
  /** Who fetches the key set. */
  readonly segno_verifiers: {
    /** A name, or the digest of an address. */
    id: string;
    name: string | null;
    seen_at: number;
    /** The newest moment of which it is known to hold the key set. */
    holds_at: number;
  };
  /** What service level indicators counted: a row per name and minute, and per hour once it is old. */
  readonly segno_sli: { name: string; at: number; is_hour: number; good: number; total: number };
  /** Alerts that fire. */
  readonly segno_slo_alerts: { id: string; since: number };
  readonly segno_outbox: {
    id: string;
    type: string;
    subject: string | null;
    /** CloudEvents JSON. */
    payload: string;
    /** Personal data beside the event, sealed, until the audit log has it. Null without one, and where there is none. */
    personal: string | null;
    created_at: number;
    /** Its place in the one order of all events; null until it was given one, after commit. */
    position: number | null;
  };
  /** The last position given away. */
  readonly segno_event_sequence: { name: string; position: number };
  /** How far each receiver of events is. */
  readonly segno_event_cursors: {
    name: string;
    /** Everything up to here was taken, or is among its failures. */
    position: number;
    /** The node that works for it, by a value made anew each time. */
    lease_id: string | null;
    lease_until: number;
    /** Rounds in a row in which it was away. */
    failures: number;
    next_attempt_at: number;
    last_error: string | null;
    accepted_at: number | null;
    /** When a node that has this receiver said so last. */
    seen_at: number;
  };
  /** Events that a receiver did not take, and those of the same subject that wait for them. */
  readonly segno_event_failures: {
    consumer: string;
    event_id: string;
    position: number;
    type: string;
    subject: string | null;
    /** The event's own bytes: it outlives its row in the outbox. */
    payload: string;
    /** 0: only waits behind an earlier one. */
    attempts: number;
    next_attempt_at: number;
    reason: string;
    failed_at: number;
    /** When it was set aside: a dead letter. */
    dead_at: number | null;
  };
  /** The key that what the audit log knows of a person is sealed under. */
  readonly segno_subject_keys: {
    /** A user's id, or the day of what strangers did. */
    subject: string;
    id: string;
    /** 32 bytes, sealed. Empty once destroyed. */
    wrapped: string;
    created_at: number;
    destroyed_at: number | null;
  };
  /** What waits for receivers of Shared Signals that poll. */
  readonly segno_signals: {
    stream: string;
    jti: string;
    /** The event's place; 0 for a verification, which goes first. */
    position: number;
    /** JSON, not signed yet: that is done when it is fetched. */
    claims: string;
  };
  readonly segno_mail: {
    id: string;
    /** The message, sealed: a dump shows no address, link or code. */
    sealed: string;
    created_at: number;
    attempts: number;
    next_attempt_at: number;
    locked_until: number;
  };
  /** GCRA buckets: the theoretical arrival time. */
  readonly segno_rate_limits: { key: string; tat: number; expires_at: number };
  /** Values that may be seen once (DPoP proofs). */
  readonly segno_once: { key: string; expires_at: number };
  /** How far each audit log has got; its root is that of the first `size` leaves. */
  readonly segno_audit_logs: { origin: string; size: number; root: Uint8Array };
  readonly segno_audit_leaves: { origin: string; leaf_index: number; leaf: Uint8Array };
  /** Hashes of the tree (C2SP tlog-tiles): a tile that is not full yet grows in place. */
  readonly segno_audit_tiles: { origin: string; level: number; tile_index: number; hashes: Uint8Array };
  /** Every checkpoint that was signed. */
  readonly segno_audit_checkpoints: { origin: string; size: number; note: string };
  readonly segno_migrations: { number: number; name: string; checksum: string; applied_at: number };
}
