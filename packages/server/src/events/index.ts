export { createEventLog, type EventListener, type EventLogOptions, type RunningEventLog } from "./event-log.js";
export { parseCloudEvent } from "./envelope.js";
export { readOutboxFigures } from "./figures.js";
export { readEventsBetween } from "./read-between.js";
export { createEventReader, type EventReader } from "./reader.js";
export type { EventFilter, EventSink, OutgoingEvent, Refusal } from "./sink.js";
export type { SequencedRow } from "./store.js";
