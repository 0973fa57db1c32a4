import { eventSchemaVersions } from "@segno/core";
import type { EventOptions, ResolvedConfig } from "../config.js";
import type { EventSink } from "../events/index.js";

/** Places of receivers that are no sinks. */
const reserved: readonly string[] = ["in-process", "audit"];
const namePattern = /^[a-z][a-z0-9-]{0,39}$/;

/** Who receives events, after defaults. Every fault is listed with the sink it is about. */
export function readEvents(given: EventOptions, faults: string[]): ResolvedConfig["events"] {
  const { sinks = [], keepDays = 7 } = given;
  if (!(typeof keepDays === "number" && keepDays >= 1 && keepDays <= 3_650))
    faults.push("events.keepDays: must be between 1 and 3650");
  const names = new Set<string>();
  for (const sink of sinks) {
    const { name } = sink;
    if (typeof name !== "string" || !namePattern.test(name)) {
      faults.push('events.sinks: a name must be short and plain, such as "siem": small letters, digits and hyphens');
      continue;
    }
    if (reserved.includes(name)) faults.push(`events.sinks: the name "${name}" is taken by the engine itself`);
    if (names.has(name)) faults.push(`events.sinks: two are called "${name}". Each needs a name of its own`);
    names.add(name);
    faults.push(...faultsOf(sink));
  }
  return { sinks, keepDays };
}

function faultsOf(sink: EventSink): readonly string[] {
  const { name, types = [], tenants = [], batchSize = 1 } = sink;
  const found: string[] = [];
  if (typeof sink.deliver !== "function") found.push(`events.sinks: "${name}" has no deliver`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 1_000))
    found.push(`events.sinks: the batchSize of "${name}" must be a whole number between 1 and 1000`);
  const known = Object.keys(eventSchemaVersions);
  for (const type of types) {
    const isFamily = type.endsWith(".*") && known.some((each) => each.startsWith(type.slice(0, -1)));
    if (!isFamily && !known.includes(type))
      found.push(`events.sinks: "${name}" asks for ${JSON.stringify(type)}, and there is no such event`);
  }
  if (!tenants.every((tenant) => typeof tenant === "string" && tenant !== ""))
    found.push(`events.sinks: the tenants of "${name}" must be their ids`);
  return found;
}
