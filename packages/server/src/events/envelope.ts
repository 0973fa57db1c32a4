import {
  eventSchemaVersions,
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
}

const failures: ReadonlySet<SegnoEventType> = new Set(["login.failure", "risk.alert", "stepup.required"]);

/** CloudEvents 1.0 in JSON, structured mode. Extension attributes are lower case without separators, as the format asks. */
export function toCloudEvent<Type extends SegnoEventType>(input: EnvelopeInput<Type>): string {
  const { actor } = input;
  return JSON.stringify({
    specversion: "1.0",
    id: input.id,
    source: input.source,
    type: input.type,
    time: new Date(input.nowMs).toISOString(),
    datacontenttype: "application/json",
    subject: actor.subject,
    schemaversion: eventSchemaVersions[input.type],
    requestid: actor.requestId,
    sessionid: actor.sessionId,
    clientid: actor.clientId,
    outcome: failures.has(input.type) ? "failure" : "success",
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
  if (typeof cloud["type"] !== "string" || !Object.hasOwn(eventSchemaVersions, cloud["type"])) throw unreadable();
  const text = (name: string): string | null => (typeof cloud[name] === "string" ? cloud[name] : null);
  return Object.freeze({
    id: text("id") ?? "",
    type: cloud["type"],
    schemaVersion: cloud["schemaversion"],
    time: text("time") ?? "",
    requestId: text("requestid"),
    subject: text("subject"),
    sessionId: text("sessionid"),
    clientId: text("clientid"),
    outcome: cloud["outcome"],
    data: Object.freeze(cloud["data"]),
  }) as SegnoEvent;
}

function unreadable(): SegnoError {
  return new SegnoError("internal", "An outbox row holds no event that is known here.");
}
