import type { SegnoErrorCode } from "../errors.js";

/** How somebody proved who they are. */
export type SignInMethod = "passkey" | "email_code" | "email_link";

/** What each event says besides its envelope. No personal data: ids and facts only. Times are RFC 3339. */
export interface SegnoEventMap {
  "login.success": {
    readonly method: SignInMethod;
    readonly acr: string;
    readonly amr: readonly string[];
    readonly isNewUser: boolean;
  };
  "login.failure": { readonly method: SignInMethod; readonly reason: SegnoErrorCode };
  "risk.alert": {
    readonly kind: string;
    /** For `refresh_token_reuse`: which class of reuse it was. */
    readonly reuseClass?: string;
    readonly familyId?: string;
    /** For `key_compromised`. */
    readonly kid?: string;
    readonly detail?: string;
  };
  "token.issued": {
    readonly jti: string;
    readonly kid: string;
    readonly audience: readonly string[];
    readonly scope: string;
    readonly tokenType: "Bearer" | "DPoP";
    readonly expiresAt: string;
    readonly familyId?: string;
  };
  /** A client got a token to act for the subject (RFC 8693). `actors`: who acts, the latest first. */
  "token.exchanged": {
    readonly jti: string;
    readonly subjectJti: string;
    readonly audience: readonly string[];
    readonly scope: string;
    readonly actors: readonly string[];
  };
  "token.refreshed": {
    readonly familyId: string;
    readonly jti: string;
    readonly generation: number;
    /** True when a retry was answered with the successor it already had. */
    readonly isRepeat: boolean;
  };
  "token.revoked": {
    readonly kind: "access_token" | "refresh_token" | "family";
    readonly reason: string;
    readonly jti?: string;
    readonly familyId?: string;
  };
  "session.created": {
    readonly method: SignInMethod;
    readonly acr: string;
    readonly amr: readonly string[];
    readonly expiresAt: string;
  };
  "session.revoked": { readonly reason: string };
  "stepup.required": { readonly acr?: string; readonly maxAgeSeconds?: number };
  "stepup.success": { readonly method: SignInMethod; readonly acr: string; readonly amr: readonly string[] };
  "user.created": { readonly method: SignInMethod };
  /** Names of the fields, never their values. */
  "user.updated": { readonly fields: readonly string[] };
  "user.deleted": { readonly reason: string };
  "user.suspended": { readonly reason: string };
  /** The key under which the audit log held this person's data was destroyed. */
  "subject.erased": { readonly keyId: string };
  "email.challenge_sent": { readonly purpose: string; readonly attemptId: string };
  "email.verified": { readonly purpose: string };
  "passkey.added": { readonly passkeyId: string; readonly isBackedUp: boolean; readonly transports: readonly string[] };
  "passkey.renamed": { readonly passkeyId: string };
  "passkey.removed": { readonly passkeyId: string };
  "client.created": {
    readonly method: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly expiresAt: string;
  };
  "client.revoked": { readonly reason: string };
  "key.created": KeyFacts;
  "key.rotated": KeyFacts & { readonly previousKid?: string };
  "key.retired": KeyFacts;
  /** `since`: from when on what it signed is not trusted. What was revoked follows as events of its own. */
  "key.compromised": KeyFacts & { readonly since: string; readonly sessions: "revoke" | "keep" };
  /** The custody ended the key for good. */
  "key.destroyed": KeyFacts;
  /**
   * Summed up: at most one a minute per key and process. `count`: signatures since the last one. Where each of them is a
   * call: how many failed and how long they took, in milliseconds.
   */
  "key.used": KeyFacts & {
    readonly purpose: string;
    readonly count?: number;
    readonly failures?: number;
    readonly meanMs?: number;
    readonly slowestMs?: number;
  };
  /** The custody stopped answering this process. At most one a minute; each has its `key.custody_recovered`. */
  "key.custody_failed": {
    readonly custody: string;
    /** What it did not answer, for example `sign` or `unwrap`. */
    readonly call: string;
    readonly fault: "timeout" | "refused";
    readonly failures: number;
  };
  "key.custody_recovered": { readonly custody: string; readonly downSeconds: number; readonly failures: number };
}

interface KeyFacts {
  readonly kid: string;
  readonly alg: string;
  /** `local`, or the custody's name and mode, for example `vault:wrapped`. */
  readonly custody?: string;
  readonly state?: string;
  readonly purpose?: string;
}

/** Every event name. */
export type SegnoEventType = keyof SegnoEventMap;

/** The data of one kind of event. */
export type SegnoEventData<Type extends SegnoEventType> = SegnoEventMap[Type];

interface Envelope<Type extends SegnoEventType> {
  /** Stable over redelivery: consumers drop what they have seen. */
  readonly id: string;
  readonly type: Type;
  /** Version of this event type's data. */
  readonly schemaVersion: number;
  /** When it took effect, RFC 3339 UTC. */
  readonly time: string;
  readonly requestId: string | null;
  /** The user's id. */
  readonly subject: string | null;
  readonly sessionId: string | null;
  readonly clientId: string | null;
  readonly outcome: "success" | "failure";
  readonly data: SegnoEventMap[Type];
}

/**
 * Something that took effect. Its envelope maps one to one onto CloudEvents 1.0 (`id`, `type`, `time`, `subject`,
 * `data`; the rest are extension attributes). `switch (event.type)` narrows `event.data`.
 */
export type SegnoEvent<Type extends SegnoEventType = SegnoEventType> = { [Name in Type]: Envelope<Name> }[Type];

/** Version of the data of each event type; a breaking change raises it. Also the list of all names. */
export const eventSchemaVersions: Readonly<Record<SegnoEventType, number>> = /* @__PURE__ */ Object.freeze({
  "login.success": 1,
  "login.failure": 1,
  "risk.alert": 1,
  "token.issued": 1,
  "token.exchanged": 1,
  "token.refreshed": 1,
  "token.revoked": 1,
  "session.created": 1,
  "session.revoked": 1,
  "stepup.required": 1,
  "stepup.success": 1,
  "user.created": 1,
  "user.updated": 1,
  "user.deleted": 1,
  "user.suspended": 1,
  "subject.erased": 1,
  "email.challenge_sent": 1,
  "email.verified": 1,
  "passkey.added": 1,
  "passkey.renamed": 1,
  "passkey.removed": 1,
  "client.created": 1,
  "client.revoked": 1,
  "key.created": 1,
  "key.rotated": 1,
  "key.retired": 1,
  "key.compromised": 1,
  "key.destroyed": 1,
  "key.used": 1,
  "key.custody_failed": 1,
  "key.custody_recovered": 1,
});
