// One event of every type, as the log hands it over.
import { eventSchemaVersions, type SegnoEvent, type SegnoEventData, type SegnoEventType } from "@segno/core";
import type { OutgoingEvent } from "../src/events/sink.js";
import { personalCanaries } from "./sink-events.js";

const key = {
  kid: "kid_1",
  alg: "ES256",
  custody: "vault:wrapped",
  state: "signing",
  purpose: "access_token",
} as const;
const ui = { flow: "flow_1", surface: "sign_in" } as const;

const data: { readonly [Type in SegnoEventType]: SegnoEventData<Type> } = {
  "login.success": { method: "passkey", acr: "phr", amr: ["hwk", "user", "mfa"], isNewUser: false, attemptId: "att_1" },
  "login.failure": { method: "email_code", reason: "wrong_code", attemptId: "att_1", count: 3 },
  "risk.alert": { kind: "refresh_token_reuse", reuseClass: "replayed", familyId: "fam_1" },
  "attempt.started": { attemptId: "att_1", method: "passkey", purpose: "sign_in", isAutofill: true },
  "attempt.abandoned": { attemptId: "att_1", method: "passkey", purpose: "sign_in", count: 1 },
  "token.issued": {
    jti: "jti_1",
    kid: "kid_1",
    audience: ["https://api.example.com"],
    scope: "orders:read orders:write",
    tokenType: "DPoP",
    expiresAt: "2027-01-15T08:00:00.000Z",
    familyId: "fam_1",
  },
  "token.exchanged": {
    jti: "jti_2",
    subjectJti: "jti_1",
    audience: ["https://b.example.com"],
    scope: "",
    actors: ["svc_1"],
  },
  "token.refreshed": { familyId: "fam_1", jti: "jti_3", generation: 2, isRepeat: false },
  "token.revoked": { kind: "family", reason: "sign_out", familyId: "fam_1" },
  "session.created": { method: "passkey", acr: "phr", amr: ["hwk"], expiresAt: "2027-01-15T08:00:00.000Z" },
  "session.revoked": { reason: "sign_out" },
  "stepup.required": { acr: "phr", maxAgeSeconds: 300 },
  "stepup.success": { method: "passkey", acr: "phr", amr: ["hwk"], attemptId: "att_2" },
  "policy.decided": { policy: "recent-proof", version: 1, decision: "deny", acr: "phr" },
  "user.created": { method: "email_link" },
  "user.updated": { fields: ["email"] },
  "user.deleted": { reason: "self" },
  "user.suspended": { reason: "operator" },
  "user.resumed": { reason: "operator" },
  "subject.erased": { keyId: "key_1" },
  "consent.granted": { purpose: "newsletter", version: 2, scopes: ["mail:send"] },
  "consent.withdrawn": { purpose: "newsletter", version: 2, scopes: ["mail:send"] },
  "email.challenge_sent": { purpose: "sign_in", attemptId: "att_1" },
  "email.verified": { purpose: "sign_in" },
  "passkey.added": { passkeyId: "pk_1", isBackedUp: true, transports: ["internal", "hybrid"] },
  "passkey.renamed": { passkeyId: "pk_1" },
  "passkey.removed": { passkeyId: "pk_1" },
  "client.created": {
    method: "private_key_jwt",
    scopes: ["a"],
    audiences: ["b"],
    expiresAt: "2027-01-15T08:00:00.000Z",
  },
  "client.revoked": { reason: "operator" },
  "key.created": key,
  "key.rotated": { ...key, previousKid: "kid_0" },
  "key.retired": key,
  "key.compromised": { ...key, since: "2027-01-14T08:00:00.000Z", sessions: "revoke" },
  "key.destroyed": key,
  "key.used": { ...key, count: 12, failures: 1, meanMs: 4, slowestMs: 9 },
  "key.custody_failed": { custody: "vault", call: "sign", fault: "timeout", failures: 3 },
  "key.custody_recovered": { custody: "vault", downSeconds: 60, failures: 9 },
  "slo.alert": { slo: "sign-in-success", kind: "burn_rate", severity: "page", windowMinutes: 60, burnRate: 20 },
  "slo.recovered": { slo: "sign-in-success", severity: "page", lastedSeconds: 600 },
  "ui.exposed": { ...ui, canUsePasskey: true },
  "ui.method_shown": { ...ui, method: "passkey" },
  "ui.ceremony_started": { ...ui, method: "passkey" },
  "ui.ceremony_ended": { ...ui, method: "passkey", durationMs: 1_200 },
  "ui.abandoned": { ...ui, durationMs: 9_000 },
};

const failures: ReadonlySet<SegnoEventType> = new Set(["login.failure", "risk.alert", "stepup.required"]);
let made = 0;

export function outgoingOf(type: SegnoEventType, envelope: Partial<SegnoEvent> = {}): OutgoingEvent {
  made += 1;
  const isFailure = failures.has(type);
  const event = {
    id: `0199c0de-0000-7000-8000-${made.toString(16).padStart(12, "0")}`,
    type,
    schemaVersion: eventSchemaVersions[type],
    time: "2027-01-15T07:00:00.123Z",
    requestId: "req_1",
    subject: "usr_ada",
    sessionId: "ses_1",
    clientId: "cli_1",
    actor: { type: "user", id: "usr_ada" },
    deviceId: "dev_1",
    deviceClass: "phone",
    tenantId: "ten_1",
    experiment: "passkey-first",
    variant: "b",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    outcome: isFailure ? "failure" : "success",
    failureClass: isFailure ? "rejected_credential" : null,
    data: data[type],
    ...envelope,
  } as SegnoEvent;
  // what a careless sink would find if it looked further than it has to
  const personal = { personal: { email: personalCanaries[0], phone: personalCanaries[1], ip: personalCanaries[2] } };
  return Object.assign(
    { event, cloudEvent: JSON.stringify({ specversion: "1.0", ...event }), position: made },
    personal,
  );
}

export function everyEvent(): readonly OutgoingEvent[] {
  return (Object.keys(eventSchemaVersions) as SegnoEventType[]).map((type) => outgoingOf(type));
}
