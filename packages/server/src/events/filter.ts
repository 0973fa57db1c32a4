import type { EventSink } from "./sink.js";
import type { SequencedRow } from "./store.js";

/** Whether a sink wants an event: by its type, and by the tenant that its envelope names. */
export function filterOf({ types, tenants }: Pick<EventSink, "types" | "tenants">): (row: SequencedRow) => boolean {
  const byType = types === undefined ? () => true : typeFilterOf(types);
  if (tenants === undefined) return ({ type }) => byType(type);
  const wanted: ReadonlySet<unknown> = new Set(tenants);
  return (row) => byType(row.type) && wanted.has(tenantOf(row.payload));
}

/** `login.success`, or `login.*` for all that begin with `login.`. */
export function typeFilterOf(types: readonly string[]): (type: string) => boolean {
  const exact = new Set(types);
  const families = types.filter((each) => each.endsWith(".*")).map((each) => each.slice(0, -1));
  return (type) => exact.has(type) || families.some((family) => type.startsWith(family));
}

function tenantOf(payload: string): unknown {
  const cloud: unknown = JSON.parse(payload);
  return typeof cloud === "object" && cloud !== null && "tenantid" in cloud ? cloud.tenantid : undefined;
}
