import type { SegnoErrorCode } from "../errors.js";
import type { FailureClass } from "./failure-class.js";

/** How somebody proved who they are. */
export type SignInMethod = "passkey" | "email_code" | "email_link";

/** What an attempt is for. */
export type AttemptPurpose = "sign_in" | "sign_up" | "step_up" | "add";

/** Which screen a person looks at. */
export type UiSurface = "sign_in" | "step_up";

/**
 * What each event says besides its envelope. No personal data: ids and facts only. Times are RFC 3339. The comment of an
 * event is its documentation: what it means, when it is written, and what it is kept for.
 */
export interface SegnoEventMap {
  /** Somebody signed in. When: with the session, in one transaction. Kept: security. */
  "login.success": {
    readonly method: SignInMethod;
    readonly acr: string;
    readonly amr: readonly string[];
    readonly isNewUser: boolean;
    /** The attempt that ended here. */
    readonly attemptId?: string;
  };
  /**
   * A sign-in or step-up was refused. When: with the refusal where it spends something, else right after it. Kept: security.
   */
  "login.failure": {
    readonly method: SignInMethod;
    readonly reason: SegnoErrorCode;
    readonly attemptId?: string;
    /** Set where a flood was summed up: so many more of this kind, without an event each. */
    readonly count?: number;
  };
  /** An operator should look. When: with what was found. Kept: security. */
  "risk.alert": {
    readonly kind: string;
    /** For `refresh_token_reuse`: which class of reuse it was. */
    readonly reuseClass?: string;
    readonly familyId?: string;
    /** For `key_compromised`. */
    readonly kid?: string;
    readonly detail?: string;
  };
  /** A sign-in, step-up or proof was begun. When: with the attempt, in one transaction. Kept: funnel. */
  "attempt.started": {
    readonly attemptId: string;
    readonly method: SignInMethod;
    readonly purpose: AttemptPurpose;
    /** The page armed it in the background, before anybody asked for it. */
    readonly isAutofill?: boolean;
  };
  /**
   * An attempt ran out and nobody had finished it. When: minutes after its end, by the sweep. Kept: funnel.
   */
  "attempt.abandoned": {
    readonly method: SignInMethod;
    readonly purpose: AttemptPurpose;
    readonly isAutofill?: boolean;
    /** Missing where many were summed up. */
    readonly attemptId?: string;
    /** How many this tells of: 1, or more where a sweep found very many. */
    readonly count: number;
  };
  /** An access token was signed. When: in the transaction that signed it. Kept: security. */
  "token.issued": {
    readonly jti: string;
    readonly kid: string;
    readonly audience: readonly string[];
    readonly scope: string;
    readonly tokenType: "Bearer" | "DPoP";
    readonly expiresAt: string;
    readonly familyId?: string;
  };
  /** A client got a token to act for the subject (RFC 8693). When: in the transaction that signed it. Kept: security. */
  "token.exchanged": {
    readonly jti: string;
    readonly subjectJti: string;
    readonly audience: readonly string[];
    readonly scope: string;
    /** Who acts, the latest first. */
    readonly actors: readonly string[];
  };
  /** A refresh token was traded for its successor. When: with the rotation. Kept: security. */
  "token.refreshed": {
    readonly familyId: string;
    readonly jti: string;
    readonly generation: number;
    /** True when a retry was answered with the successor it already had. */
    readonly isRepeat: boolean;
  };
  /** A token or a refresh family is over. When: with the change that ends it. Kept: security. */
  "token.revoked": {
    readonly kind: "access_token" | "refresh_token" | "family";
    readonly reason: string;
    readonly jti?: string;
    readonly familyId?: string;
  };
  /** A session began. When: with the session's row. Kept: security. */
  "session.created": {
    readonly method: SignInMethod;
    readonly acr: string;
    readonly amr: readonly string[];
    readonly expiresAt: string;
  };
  /**
   * A session was ended before its time: signed out, revoked, replaced, or its account is gone. When: with the change.
   * Kept: security.
   */
  "session.revoked": { readonly reason: string };
  /** Something needs a stronger or more recent proof. When: with the refusal. Kept: security. */
  "stepup.required": { readonly acr?: string; readonly maxAgeSeconds?: number };
  /** A session was raised by a new proof. When: with the session's change. Kept: security. */
  "stepup.success": {
    readonly method: SignInMethod;
    readonly acr: string;
    readonly amr: readonly string[];
    readonly attemptId?: string;
  };
  /**
   * A rule of the service allowed or denied something to somebody who is signed in. When: before what it decides on.
   * Kept: security.
   */
  "policy.decided": {
    /** The rule, for example `recent-proof`. */
    readonly policy: string;
    readonly version: number;
    readonly decision: "allow" | "deny";
    readonly acr?: string;
    readonly maxAgeSeconds?: number;
  };
  /** An account began. When: with its row. Kept: account. */
  "user.created": { readonly method: SignInMethod };
  /** An account changed. When: with the change. Kept: account. */
  "user.updated": {
    /** Names of the fields, never their values. */
    readonly fields: readonly string[];
  };
  /** An account and everything that signs it in is gone. When: with the deletion. Kept: account. */
  "user.deleted": { readonly reason: string };
  /** An account may not sign in until it is resumed. When: with the change. Kept: account. */
  "user.suspended": { readonly reason: string };
  /** A suspended account may sign in again. When: with the change. Kept: account. */
  "user.resumed": { readonly reason: string };
  /** The key under which the audit log held this person's data was destroyed. When: with the key. Kept: account. */
  "subject.erased": { readonly keyId: string };
  /** The person agreed to a purpose, or to a new version of it. When: with the consent's row. Kept: account. */
  "consent.granted": {
    readonly purpose: string;
    readonly version: number;
    /** What tokens may hold from now on. */
    readonly scopes: readonly string[];
  };
  /** The person took a consent back. When: with the consent's row; the next token lacks its scopes. Kept: account. */
  "consent.withdrawn": { readonly purpose: string; readonly version: number; readonly scopes: readonly string[] };
  /** A mail with a code or link was put into the queue. When: with the attempt. Kept: account. */
  "email.challenge_sent": { readonly purpose: string; readonly attemptId: string };
  /** Somebody proved a mailbox. When: with the change that counts it as theirs. Kept: account. */
  "email.verified": { readonly purpose: string };
  /** An account got a passkey. When: with its row. Kept: security. */
  "passkey.added": { readonly passkeyId: string; readonly isBackedUp: boolean; readonly transports: readonly string[] };
  /** A passkey got another name. When: with the change. Kept: account. */
  "passkey.renamed": { readonly passkeyId: string };
  /** A passkey signs in no more. When: with the deletion. Kept: security. */
  "passkey.removed": { readonly passkeyId: string };
  /** A service account was made. When: with its row. Kept: security. */
  "client.created": {
    readonly method: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
    readonly expiresAt: string;
  };
  /** A service account is over. When: with the change. Kept: security. */
  "client.revoked": { readonly reason: string };
  /** A signing key was made. When: with its row. Kept: security. */
  "key.created": KeyFacts;
  /** Another key signs from now on. When: with the change. Kept: security. */
  "key.rotated": KeyFacts & { readonly previousKid?: string };
  /** No token needs this key any more. When: with the change. Kept: security. */
  "key.retired": KeyFacts;
  /** A key was declared compromised; what was revoked for it follows as events of its own. When: with the change. Kept: security. */
  "key.compromised": KeyFacts & {
    /** From when on what it signed is not trusted. */
    readonly since: string;
    readonly sessions: "revoke" | "keep";
  };
  /** The custody ended the key for good. When: once the custody said so. Kept: security. */
  "key.destroyed": KeyFacts;
  /** How often a key signed since the last of these. When: at most once a minute per key and process. Kept: security. */
  "key.used": KeyFacts & {
    readonly purpose: string;
    /** Signatures since the last one. */
    readonly count?: number;
    /** Where each signature is a call: how many failed. */
    readonly failures?: number;
    /** Where each signature is a call: how long one took, in milliseconds. */
    readonly meanMs?: number;
    readonly slowestMs?: number;
  };
  /** The custody stopped answering this process; each has its `key.custody_recovered`. When: at most once a minute. Kept: operations. */
  "key.custody_failed": {
    readonly custody: string;
    /** What it did not answer, for example `sign` or `unwrap`. */
    readonly call: string;
    readonly fault: "timeout" | "refused";
    readonly failures: number;
  };
  /** The custody answers this process again. When: with its first answer. Kept: operations. */
  "key.custody_recovered": { readonly custody: string; readonly downSeconds: number; readonly failures: number };
  /**
   * A service level objective is in danger: its error budget goes too fast, or sign-ins succeed less often than is usual at
   * this hour of the week. When: once, when it begins; each has its `slo.recovered`. Kept: operations.
   */
  "slo.alert": {
    readonly slo: string;
    readonly kind: "burn_rate" | "rate_drop";
    /** Whether somebody is to be woken. */
    readonly severity: "page" | "ticket";
    readonly windowMinutes: number;
    /** Times the pace that spends the whole budget over the period. */
    readonly burnRate?: number;
    /** The success rate of now, and the usual one. */
    readonly rate?: number;
    readonly usual?: number;
  };
  /** What an `slo.alert` told of is over. When: within a minute. Kept: operations. */
  "slo.recovered": { readonly slo: string; readonly severity: string; readonly lastedSeconds: number };
  /** A sign-in or step-up screen was shown. When: the page tells so; not proved by anything. Kept: funnel. */
  "ui.exposed": UiFacts & {
    /** Whether the browser can use passkeys. */
    readonly canUsePasskey: boolean;
  };
  /** The screen offered a way to sign in. When: the page tells so. Kept: funnel. */
  "ui.method_shown": UiFacts & { readonly method: SignInMethod };
  /** The person began: a prompt opened, or a mail was asked for. When: the page tells so. Kept: funnel. */
  "ui.ceremony_started": UiFacts & { readonly method: SignInMethod };
  /** What was begun came to its end. When: the page tells so. Kept: funnel. */
  "ui.ceremony_ended": UiFacts & {
    readonly method: SignInMethod;
    /** Why it failed, `user_cancelled` where the person went back; missing when it did not. */
    readonly reason?: SegnoErrorCode | "user_cancelled";
    /** From its begin, as the page measured it, in milliseconds. */
    readonly durationMs: number;
  };
  /** The person left the screen before the end. When: the page tells so while it goes away. Kept: funnel. */
  "ui.abandoned": UiFacts & {
    /** What was under way. */
    readonly method?: SignInMethod;
    /** Since the screen was shown, in milliseconds. */
    readonly durationMs: number;
  };
}

interface UiFacts {
  /** Names one showing of a screen: random, made by the page, kept nowhere. */
  readonly flow: string;
  readonly surface: UiSurface;
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

/**
 * Who made it happen. `user`: a person, by id once known. `service`: a client of its own. `operator`: whoever calls
 * `segno.api` or the command line. `system`: the engine itself.
 */
export interface EventActor {
  readonly type: "user" | "service" | "operator" | "system";
  readonly id: string | null;
}

/** A kind of device, as coarse as it can be. `probe` is `segno probe`, which is no person's. */
export type DeviceClass = "phone" | "tablet" | "desktop" | "probe" | "other";

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
  /** Who acts; `subject` is who it happens to. */
  readonly actor: EventActor;
  /** A pseudonym of a browser that signed in here before; null for all others. */
  readonly deviceId: string | null;
  /** From the user agent: what the caller says it is. */
  readonly deviceClass: DeviceClass | null;
  /** A pseudonym of the network address the request came from (IPv6 by /64); null for what no request caused. */
  readonly networkId: string | null;
  /** As the option `place` says, in whole degrees: `48,11`. */
  readonly place: string | null;
  /** As the option `tenant` says. */
  readonly tenantId: string | null;
  /** As the option `experiment` says. */
  readonly experiment: string | null;
  readonly variant: string | null;
  /** The trace that the request said it is part of (W3C Trace Context). */
  readonly traceId: string | null;
  readonly outcome: "success" | "failure";
  /** Why, for every event with the outcome `failure`, and null for all others. */
  readonly failureClass: FailureClass | null;
  /** W3C Trace Context of the span that wrote it, where tracing is on (the CloudEvents extension of that name). */
  readonly traceparent?: string;
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
  "attempt.started": 1,
  "attempt.abandoned": 1,
  "token.issued": 1,
  "token.exchanged": 1,
  "token.refreshed": 1,
  "token.revoked": 1,
  "session.created": 1,
  "session.revoked": 1,
  "stepup.required": 1,
  "stepup.success": 1,
  "policy.decided": 1,
  "user.created": 1,
  "user.updated": 1,
  "user.deleted": 1,
  "user.suspended": 1,
  "user.resumed": 1,
  "subject.erased": 1,
  "consent.granted": 1,
  "consent.withdrawn": 1,
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
  "slo.alert": 1,
  "slo.recovered": 1,
  "ui.exposed": 1,
  "ui.method_shown": 1,
  "ui.ceremony_started": 1,
  "ui.ceremony_ended": 1,
  "ui.abandoned": 1,
});
