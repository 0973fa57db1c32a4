import type { SegnoEvent, SegnoEventType } from "@segno/core";
import { type SignalType, uriOf } from "./signal-types.js";

type Json = Readonly<Record<string, unknown>>;

/** What a signal says of an event, in the words of CAEP and RISC. */
interface Signal {
  readonly type: SignalType;
  readonly payload: Json;
  /** The session is named beside the user. */
  readonly isOfSession?: boolean;
}

type Rules = { readonly [Type in SegnoEventType]?: (event: SegnoEvent<Type>) => Signal | undefined };

const credential = (change_type: string, credential_type: string): Signal => ({
  type: "credential-change",
  payload: { credential_type, change_type },
});

const rules: Rules = {
  "session.revoked": ({ data }) => ({ type: "session-revoked", payload: reasonOf(data.reason), isOfSession: true }),
  "passkey.added": ({ data }) =>
    credential("create", data.transports.includes("internal") ? "fido2-platform" : "fido2-roaming"),
  // what kind it was is not known any more, and CAEP allows types of one's own
  "passkey.renamed": () => credential("update", "passkey"),
  "passkey.removed": () => credential("delete", "passkey"),
  // every sign-in by mail proves an address; only one that was added is a credential that was not there before
  "email.verified": ({ data }) => (data.purpose === "add" ? credential("create", "email") : undefined),
  "stepup.success": ({ data }) => ({
    type: "assurance-level-change",
    payload: { namespace: "urn:segno:acr", current_level: data.acr, change_direction: "increase" },
    isOfSession: true,
  }),
  "user.suspended": () => ({ type: "account-disabled", payload: {} }),
  "user.resumed": () => ({ type: "account-enabled", payload: {} }),
  "user.deleted": () => ({ type: "account-purged", payload: {} }),
};

const typesOf: Readonly<Record<SignalType, readonly SegnoEventType[]>> = {
  "session-revoked": ["session.revoked"],
  "credential-change": ["passkey.added", "passkey.renamed", "passkey.removed", "email.verified"],
  "assurance-level-change": ["stepup.success"],
  "account-disabled": ["user.suspended"],
  "account-enabled": ["user.resumed"],
  "account-purged": ["user.deleted"],
};

/** The events that signals are made of. */
export function eventTypesOf(signals: readonly SignalType[]): readonly SegnoEventType[] {
  return signals.flatMap((signal) => typesOf[signal]);
}

/** Reasons are words of the engine's own; an application may have put anything there. */
function reasonOf(reason: string): Json {
  return /^[a-z][a-z_]{0,39}$/.test(reason) ? { reason_admin: { en: reason } } : {};
}

const initiators: Readonly<Record<string, string>> = { user: "user", operator: "admin" };

/**
 * The claims of the token that tells of an event (RFC 8417, SSF 1.0 section 4): the same at each try, so that a copy is
 * known by its `jti`. People are named by their id; `txn` is the request that several events come from.
 * @param to the stream, and who it is for
 * @returns undefined for what no signal tells of
 */
export function claimsOf(
  event: SegnoEvent,
  to: { readonly issuer: string; readonly stream: string; readonly audience: readonly string[] },
): Json | undefined {
  const signal = (rules[event.type] as ((event: SegnoEvent) => Signal | undefined) | undefined)?.(event);
  if (signal === undefined || event.subject === null) return undefined;
  const atSeconds = Math.floor(Date.parse(event.time) / 1000);
  const user = { format: "iss_sub", iss: to.issuer, sub: event.subject };
  const session = { format: "opaque", id: event.sessionId };
  const isOfSession = signal.isOfSession === true && event.sessionId !== null;
  return {
    iss: to.issuer,
    jti: `${event.id}.${to.stream}`,
    iat: atSeconds,
    aud: audienceOf(to.audience),
    txn: event.requestId ?? event.id,
    sub_id: isOfSession ? { format: "complex", user, session } : user,
    events: {
      [uriOf(signal.type)]: {
        event_timestamp: atSeconds,
        initiating_entity: initiators[event.actor.type] ?? "system",
        ...signal.payload,
      },
    },
  };
}

/** One as text: receivers that know no lists are more than those that want one. */
export function audienceOf(audience: readonly string[]): string | readonly string[] {
  const [only] = audience;
  return audience.length === 1 && only !== undefined ? only : audience;
}
