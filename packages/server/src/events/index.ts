export { createEventLog, type EventLogOptions, type EventListener, type RunningEventLog } from "./event-log.js";
export type { EventSink } from "./sink.js";
export { readOutboxFigures } from "./store.js";
