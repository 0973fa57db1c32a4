import type { EventSink } from "../sink.js";

/** What every sink lets one choose. */
export interface SinkChoice extends Pick<EventSink, "types" | "tenants" | "batchSize"> {
  /** Names its place in the order of events, kept over restarts. Two sinks of one kind need two names. */
  readonly name?: string;
}

/** The same as fields of the sink. */
export function choiceOf(
  { name, types, tenants, batchSize }: SinkChoice,
  defaultName: string,
): Omit<EventSink, "deliver" | "close"> {
  return {
    name: name ?? defaultName,
    ...(types === undefined ? {} : { types }),
    ...(tenants === undefined ? {} : { tenants }),
    ...(batchSize === undefined ? {} : { batchSize }),
  };
}
