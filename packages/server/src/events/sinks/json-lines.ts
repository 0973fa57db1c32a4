import type { EventSink } from "../sink.js";
import { choiceOf, type SinkChoice } from "./choice.js";
import { createLineWriter, type LineTarget } from "./line-writer.js";
import { checkChoice, createOptionFaults } from "./option-faults.js";

/** Options of `jsonLinesSink`. */
export interface JsonLinesSinkOptions extends SinkChoice {
  /** Names its place in the order of events, kept over restarts. `[a-z][a-z0-9-]{0,39}`, unique per engine. */
  readonly name: string;
  /** The path of a file that nothing else writes to, or a stream such as `process.stdout`. */
  readonly to: LineTarget;
}

/**
 * Writes each event as one line of JSON: the CloudEvent as it was committed. A stream has a batch when it calls back, and
 * gets the next one only then; a file when it is on the disk. The file is opened for each batch, so that it may be renamed
 * by a log rotation at any time. A line at its end that a crash cut off is removed before the next one is written. Lines over
 * 1 MiB are refused for good.
 *
 * Not checked: that nothing else writes to the file, and how much room there is. A full disk makes events wait.
 * @throws TypeError at once, naming every option that is wrong
 * @example
 * import { jsonLinesSink } from "@segno/server/events";
 * const sink = jsonLinesSink({ name: "lines", to: "/var/log/segno/events.jsonl" });
 */
export function jsonLinesSink(options: JsonLinesSinkOptions): EventSink {
  const faults = createOptionFaults("jsonLinesSink");
  checkChoice(faults, options);
  const write = createLineWriter(options.to, faults);
  faults.throwIfAny();
  return {
    ...choiceOf(options, options.name),
    async deliver(events, signal) {
      return await write(
        events.map(({ event, cloudEvent }) => ({ id: event.id, text: cloudEvent })),
        signal,
      );
    },
  };
}
