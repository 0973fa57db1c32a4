import { setTimeout as sleep } from "node:timers/promises";
import type { OutgoingEvent } from "@segno/server";
import type { Command, CommandInput } from "../command.js";
import { UsageError } from "../failure.js";
import { openEngine } from "../open-engine.js";
import { readSince } from "../read-time.js";
import { timeText } from "../time-text.js";

const newest = 20;
const mostAtOnce = 1_000;
const everyMs = 500;

export const tailCommand: Command = {
  name: "events tail",
  summary: "shows the newest events, and with --follow those that come",
  notes: [
    "The last 20, or those since a time; events stay for events.keepDays. No event holds an address, a",
    "token or a code. With --follow --json each event is a line of JSON; Ctrl-C ends it.",
  ],
  options: {
    type: { type: "string", value: "TYPE", help: "only this type, or a family such as login.*; several: a,b" },
    subject: { type: "string", value: "ID", help: "only events about this account" },
    since: { type: "string", value: "TIME", help: "from when on: 2026-11-21T03:00:00Z" },
    follow: { type: "boolean", help: "goes on showing events as they are committed" },
  },
  example: "$ segno events tail --type 'login.*' --follow",
  failsWhen: "the events cannot be read",
  async run(input) {
    const filter = readFilter(input);
    const { events: verbs } = (await openEngine(input, "events")).api;
    const start = input.values["since"] === undefined ? { limit: newest } : { limit: mostAtOnce };
    const first = await verbs.list({ ...filter, ...start });
    if (input.values["follow"] !== true) {
      const json = { events: first.events.map(eventJson), position: first.position };
      const text = first.events.length === 0 ? "No events are kept that fit." : first.events.map(line).join("\n");
      return { ok: true, json, text };
    }
    const isJson = input.values["json"] === true;
    const show = (event: OutgoingEvent) =>
      input.terminal.answer(isJson ? JSON.stringify(eventJson(event)) : line(event));
    first.events.forEach(show);
    const { sinceMs: _since, ...lasting } = filter;
    let afterPosition = first.position;
    // until Ctrl-C
    for (;;) {
      await sleep(everyMs);
      const next = await verbs.list({ ...lasting, afterPosition, limit: mostAtOnce });
      next.events.forEach(show);
      afterPosition = next.position;
    }
  },
};

type Filter = NonNullable<Parameters<Awaited<ReturnType<typeof openEngine>>["api"]["events"]["list"]>[0]>;

function readFilter({ values }: CommandInput): Filter {
  const { type, subject, since } = values;
  const types = typeof type === "string" ? type.split(",").map((each) => each.trim()) : undefined;
  if (types?.some((each) => !/^[a-z][a-z0-9_]*\.(\*|[a-z0-9_]+)$/.test(each)) === true)
    throw new UsageError(
      "--type takes types of events.",
      "Give a type or a family: --type login.success or --type 'login.*'",
    );
  return {
    ...(types === undefined ? {} : { types: types as NonNullable<Filter["types"]> }),
    ...(typeof subject === "string" ? { subject } : {}),
    ...(since === undefined ? {} : { sinceMs: readSince(since) }),
  };
}

function eventJson({ cloudEvent, position }: OutgoingEvent): Readonly<Record<string, unknown>> {
  return { position, event: JSON.parse(cloudEvent) as unknown };
}

function line({ event }: OutgoingEvent): string {
  const about = event.subject ?? "-";
  return `${timeText(Date.parse(event.time))}  ${event.type.padEnd(18)}  ${about}  ${JSON.stringify(event.data)}`;
}
