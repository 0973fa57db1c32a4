import type { ReplayOptions } from "@segno/server";
import type { Command, CommandInput } from "../command.js";
import { UsageError } from "../failure.js";
import { openEngine } from "../open-engine.js";
import { readSince } from "../read-time.js";
import { timeText } from "../time-text.js";

export const replayCommand: Command = {
  name: "events replay",
  summary: "sends events to a receiver again",
  notes: [
    "Every event keeps its id, so a receiver that drops what it has seen is not harmed. The service sends",
    "them, within a second or so. --since reaches back as far as events are kept (events.keepDays).",
  ],
  options: {
    sink: { type: "string", value: "NAME", help: "the receiver, as segno events sinks shows it" },
    id: { type: "string", value: "ID", help: "one event" },
    since: { type: "string", value: "TIME", help: "everything from then on: 2026-11-21T03:00:00Z" },
    dead: { type: "boolean", help: "every event that was set aside for this receiver" },
  },
  example: "$ segno events replay --sink siem --dead",
  failsWhen: "no such receiver is known, nothing is sent again, or it was declined",
  async run(input) {
    const options = readOptions(input);
    const { api } = await openEngine(input, "events");
    if (!(await input.confirm(`Send ${whatOf(options)} to ${options.sink} again?`)))
      return { ok: false, json: { count: 0 }, text: "Nothing was changed." };
    const { count } = await api.events.replay(options);
    const events = count === 1 ? "1 event" : `${count} events`;
    return {
      ok: count > 0,
      json: { sink: options.sink, count },
      text: `${events} will be sent to ${options.sink} again.`,
    };
  },
};

function whatOf(options: ReplayOptions): string {
  if ("ids" in options) return `event ${options.ids[0]}`;
  return "dead" in options ? "every event that was set aside" : `everything since ${timeText(options.sinceMs)}`;
}

function readOptions({ values }: CommandInput): ReplayOptions {
  const { sink, id, since, dead } = values;
  if (typeof sink !== "string") throw new UsageError("--sink is missing.", "See what there is: segno events sinks");
  const given = [id, since, dead].filter((each) => each !== undefined).length;
  if (given !== 1) throw new UsageError("Say what is sent again, in one way.", "One of: --id ID, --since TIME, --dead");
  if (typeof id === "string") return { sink, ids: [id] };
  return since === undefined ? { sink, dead: true } : { sink, sinceMs: readSince(since) };
}
