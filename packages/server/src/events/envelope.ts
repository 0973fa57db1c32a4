import {
  eventSchemaVersions,
  type FailureClass,
  failureClassOf,
  SegnoError,
  type SegnoEvent,
  type SegnoEventData,
  type SegnoEventType,
} from "@segno/core";
import type { Actor } from "../engine.js";

/** What is known when an event is written. */
export interface EnvelopeInput<Type extends SegnoEventType> {
  readonly id: string;
  readonly source: string;
  readonly type: Type;
  readonly nowMs: number;
  readonly actor: Actor;
  readonly data: SegnoEventData<Type>;
  readonly traceparent?: string | undefined;
}

/** Events that tell of a failure whatever their data say, and of what class where no `reason` says so. */
const failures: ReadonlyMap<SegnoEventType, FailureClass> = new Map<SegnoEventType, FailureClass>([
  ["login.failure", "unknown"],
  ["risk.alert", "suspicious"],
  ["stepup.required", "policy_denied"],
  ["attempt.abandoned", "abandoned"],
  ["key.custody_failed", "key_unavailable"],
  ["ui.abandoned", "abandoned"],
]);

/** @returns the class of the failure an event tells of, undefined when it tells of none */
function failureOf(type: SegnoEventType, data: Readonly<Record<string, unknown>>): FailureClass | undefined {
  if ((type === "login.failure" || type === "ui.ceremony_ended") && typeof data["reason"] === "string") {
    return data["reason"] === "user_cancelled" ? "user_cancelled" : failureClassOf(data["reason"]);
  }
  if (type === "policy.decided" && data["decision"] !== "allow") return "policy_denied";
  return failures.get(type);
}

/** An operator and the engine act on subjects; nobody else acts on anybody but themselves. */
function actorIdOf(actor: Actor, type: string): string | undefined {
  if (actor.by !== undefined) return actor.by;
  if (type === "user") return actor.subject;
  return type === "service" ? actor.clientId : undefined;
}

const wirePrefix = "dev.segno.";
const wireType = /^dev\.segno\.([a-z0-9_.]+)\.v\d+$/;

/**
 * CloudEvents 1.0 in JSON, structured mode. Extension attributes are lower case without separators, as the format asks; what
 * is not known is left out. The type on the wire is `dev.segno.<name>.v<version>`, in process it is the name alone.
 */
export function toCloudEvent<Type extends SegnoEventType>(input: EnvelopeInput<Type>): string {
  const { actor, type } = input;
  const version = eventSchemaVersions[type];
  const actorType = actor.kind ?? "system";
  const failureClass = failureOf(type, { ...input.data });
  return JSON.stringify({
    specversion: "1.0",
    id: input.id,
    source: input.source,
    type: `${wirePrefix}${type}.v${version}`,
    time: new Date(input.nowMs).toISOString(),
    datacontenttype: "application/json",
    dataschema: `urn:segno:event:${type}:${version}`,
    subject: actor.subject,
    requestid: actor.requestId,
    actortype: actorType,
    actorid: actorIdOf(actor, actorType),
    sessionid: actor.sessionId,
    clientid: actor.clientId,
    deviceid: actor.deviceId,
    deviceclass: actor.deviceClass,
    networkid: actor.networkId,
    place: actor.place,
    tenantid: actor.tenantId,
    experiment: actor.experiment,
    variant: actor.variant,
    traceid: actor.traceId,
    outcome: failureClass === undefined ? "success" : "failure",
    failureclass: failureClass,
    traceparent: input.traceparent,
    data: input.data,
  });
}

/**
 * Reads what `toCloudEvent` wrote.
 * @throws SegnoError `internal` when the row does not hold one of our events
 */
export function parseCloudEvent(payload: string): SegnoEvent {
  const raw: unknown = JSON.parse(payload);
  if (typeof raw !== "object" || raw === null) throw unreadable();
  const cloud = raw as Readonly<Record<string, unknown>>;
  const text = (name: string): string | null => (typeof cloud[name] === "string" ? cloud[name] : null);
  const type = wireType.exec(text("type") ?? "")?.[1];
  if (type === undefined || !Object.hasOwn(eventSchemaVersions, type)) throw unreadable();
  return Object.freeze({
    id: text("id") ?? "",
    type,
    schemaVersion: Number(text("dataschema")?.split(":").at(-1)),
    time: text("time") ?? "",
    requestId: text("requestid"),
    subject: text("subject"),
    sessionId: text("sessionid"),
    clientId: text("clientid"),
    actor: Object.freeze({ type: text("actortype") ?? "system", id: text("actorid") }),
    deviceId: text("deviceid"),
    deviceClass: text("deviceclass"),
    networkId: text("networkid"),
    place: text("place"),
    tenantId: text("tenantid"),
    experiment: text("experiment"),
    variant: text("variant"),
    traceId: text("traceid"),
    outcome: cloud["outcome"],
    failureClass: text("failureclass"),
    ...(typeof cloud["traceparent"] === "string" ? { traceparent: cloud["traceparent"] } : {}),
    data: Object.freeze(cloud["data"]),
  }) as SegnoEvent;
}

function unreadable(): SegnoError {
  return new SegnoError("internal", "An outbox row holds no event that is known here.");
}
