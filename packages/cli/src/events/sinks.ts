import type { EventConsumer } from "@segno/server";
import type { Command } from "../command.js";
import { openEngine } from "../open-engine.js";
import { spanText } from "../time-text.js";

export const sinksCommand: Command = {
  name: "events sinks",
  summary: "shows who receives events, and how far each of them is",
  notes: [
    "lag: events it has not got. waiting: events it refused that are tried again, and those behind them.",
    "dead: events that were set aside. in-process: the subscribers of the service itself.",
  ],
  example: "$ segno events sinks --config ./segno.ts",
  failsWhen: "a receiver is away, or has events that were set aside",
  async run(input) {
    const { api, clock } = await openEngine(input, "events");
    const consumers = await api.events.consumers();
    const nowMs = clock.nowMs();
    return {
      ok: consumers.every(({ failures, deadLetters }) => failures === 0 && deadLetters === 0),
      json: { atMs: nowMs, consumers },
      text: sinksText(consumers, nowMs),
    };
  },
};

export function sinksText(consumers: readonly EventConsumer[], nowMs: number): string {
  if (consumers.length === 0) return "Nobody receives events: no sink is configured and no process has subscribed.";
  const row = (cells: readonly string[]) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(20) : index < 4 ? cell.padStart(8) : `  ${cell}`)).join("");
  return [
    row(["name", "lag", "waiting", "dead", "state"]),
    ...consumers.map((each) =>
      row([each.name, String(each.lag), String(each.waiting), String(each.deadLetters), stateOf(each, nowMs)]),
    ),
  ].join("\n");
}

function stateOf({ failures, lastError, nextTryAtMs, seenAtMs, acceptedAtMs }: EventConsumer, nowMs: number): string {
  if (failures > 0) {
    const next = nextTryAtMs === null ? "now" : `in ${spanText(nextTryAtMs - nowMs)}`;
    return `away: ${lastError ?? "rejected"}, ${failures} times; next try ${next}`;
  }
  if (nowMs - seenAtMs > 3_600_000) return `no process has it; last seen ${spanText(nowMs - seenAtMs)} ago`;
  const taken = acceptedAtMs === null ? "has taken nothing yet" : `took events ${spanText(nowMs - acceptedAtMs)} ago`;
  return lastError === null ? taken : `${taken}; refused: ${lastError}`;
}
