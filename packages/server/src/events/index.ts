export { createEventLog, type EventLogOptions, type EventListener, type RunningEventLog } from "./event-log.js";
