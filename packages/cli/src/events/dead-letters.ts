import type { DeadLetter } from "@segno/server";
import type { Command } from "../command.js";
import { openEngine } from "../open-engine.js";
import { timeText } from "../time-text.js";

export const deadLettersCommand: Command = {
  name: "events dead-letters",
  summary: "shows events that a receiver refused for good, or too often",
  notes: [
    "The oldest 100. They stay until they are sent again (segno events replay), however old they are.",
    "reason: a status or a code that the receiver gave.",
  ],
  options: { sink: { type: "string", value: "NAME", help: "only of this receiver, as segno events sinks shows it" } },
  example: "$ segno events dead-letters --sink siem",
  failsWhen: "there are any",
  async run(input) {
    const { sink } = input.values;
    const { api } = await openEngine(input, "events");
    const letters = await api.events.deadLetters(typeof sink === "string" ? { sink } : {});
    return {
      ok: letters.length === 0,
      json: { deadLetters: letters.map(letterJson) },
      text: letters.length === 0 ? "There are none." : letters.map(letterText).join("\n"),
    };
  },
};

function letterJson({ cloudEvent, ...letter }: DeadLetter): Readonly<Record<string, unknown>> {
  return { ...letter, event: JSON.parse(cloudEvent) as unknown };
}

function letterText({ sink, id, type, deadAtMs, attempts, reason }: DeadLetter): string {
  const tries = attempts === 1 ? "1 try" : `${attempts} tries`;
  return `${sink}  ${id}  ${type}\n  set aside ${timeText(deadAtMs)} after ${tries}: ${reason}`;
}
