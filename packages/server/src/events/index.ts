export {
  createEventApi,
  type DeadLetter,
  type EventApi,
  type EventConsumer,
  type EventPage,
  type ReplayOptions,
} from "./event-api.js";
export { createEventLog, type EventListener, type EventLogOptions, type RunningEventLog } from "./event-log.js";
export { parseCloudEvent } from "./envelope.js";
export { readOutboxFigures } from "./figures.js";
export { readEventsBetween } from "./read-between.js";
export type { ListOptions } from "./list.js";
export { createEventReader, type EventReader } from "./reader.js";
export { handOverBySubject } from "./sinks/by-subject.js";
export { createHttpPost, type HttpPost, type HttpSinkOptions } from "./sinks/http-post.js";
export { createOptionFaults } from "./sinks/option-faults.js";
export type { EventFilter, EventSink, OutgoingEvent, Refusal } from "./sink.js";
export type { SequencedRow } from "./store.js";
