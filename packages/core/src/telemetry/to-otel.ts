import type { SegnoEvent } from "./events.js";
import type { TelemetryValue } from "./hook.js";
import { isPersonal } from "./personal.js";

/**
 * An event as OpenTelemetry attributes, for a log record or a span event. A pure mapping: the semantic-convention
 * names where there are some (`event.name`, `user.id`, `session.id`, `error.type`), `segno.*` for the rest.
 * Only strings, numbers, booleans and lists of strings come through; anything else is left out.
 * @example
 * segno.on("login.success", (event) => console.log(toOtelAttributes(event)["user.id"]));
 */
export function toOtelAttributes(event: SegnoEvent): Readonly<Record<string, TelemetryValue>> {
  const attributes: Record<string, TelemetryValue> = {
    "event.name": `segno.${event.type}`,
    "segno.event.id": event.id,
    "segno.event.schema_version": event.schemaVersion,
    "segno.outcome": event.outcome,
    "segno.actor.type": event.actor.type,
  };
  const optional = {
    "segno.request.id": event.requestId,
    "user.id": event.subject,
    "session.id": event.sessionId,
    "segno.client.id": event.clientId,
    "segno.actor.id": event.actor.id,
    "segno.device.id": event.deviceId,
    "segno.device.class": event.deviceClass,
    "segno.tenant.id": event.tenantId,
    "segno.experiment": event.experiment,
    "segno.variant": event.variant,
    "segno.failure_class": event.failureClass,
  };
  for (const [name, value] of Object.entries(optional)) {
    if (value !== null) attributes[name] = value;
  }
  if (event.type === "login.failure" || event.type === "ui.ceremony_ended") {
    if (event.data.reason !== undefined) attributes["error.type"] = event.data.reason;
  }
  for (const [name, value] of Object.entries(event.data) as [string, unknown][]) {
    if (isTelemetryValue(value)) attributes[`segno.${snakeCase(name)}`] = value;
  }
  return attributes;
}

function isTelemetryValue(value: unknown): value is TelemetryValue {
  if (isPersonal(value)) return false;
  if (Array.isArray(value)) return value.every((item) => typeof item === "string");
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
