import { type FoundRequest, type Segno } from "@segno/server";
import type { Command } from "../command.js";
import { CommandError } from "../failure.js";
import { openEngine } from "../open-engine.js";
import { timeText } from "../time-text.js";

export const supportCommand: Command = {
  name: "support",
  summary: "shows what happened to somebody who read out a support code",
  notes: [
    "Shows the events of the request, and of the sign-in it was part of, as long as events are kept.",
    "A request without an event is not found here: search traces for segno.support.code,",
    "and logs for supportCode.",
  ],
  positionals: [{ name: "CODE", help: "eight digits, in any case, with or without the dash" }],
  example: "$ segno support 7K3M-9QXA",
  failsWhen: "no request is found",
  async run(input) {
    const [code = ""] = input.positionals;
    const segno = await openEngine(input, "events");
    const requests = await find(segno, code);
    return { ok: requests.length > 0, json: { requests }, text: supportText(code, requests) };
  },
};

async function find(segno: Segno, code: string): Promise<readonly FoundRequest[]> {
  try {
    return await segno.api.findBySupportCode(code);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "invalid_input") throw error;
    throw new CommandError({
      code: "invalid_input",
      cause: `"${code.slice(0, 20)}" is no support code.`,
      fix: "Ask for all eight digits: they look like 7K3M-9QXA, without I, L, O and U.",
      docs: "docs/concepts/observability.md#support-codes",
    });
  }
}

/** One block for each request, at most 100 columns wide. */
export function supportText(code: string, requests: readonly FoundRequest[]): string {
  if (requests.length === 0) {
    return [
      `No event of ${code} is kept here. Then one of these is so:`,
      "  the request wrote no event: search traces for segno.support.code, logs for supportCode",
      "  it never arrived: the page was offline when it made the code",
      "  it is longer ago than events are kept",
    ].join("\n");
  }
  return requests.map(requestText).join("\n\n");
}

function requestText({ requestId, traceId, events }: FoundRequest): string {
  const lines = events.map((event) => {
    const mark = event.requestId === requestId ? ">" : " ";
    const reason = "reason" in event.data ? String(event.data.reason) : (event.failureClass ?? "");
    return `${mark} ${timeText(Date.parse(event.time))}  ${event.type.padEnd(22)}  ${event.outcome.padEnd(7)}  ${reason}`.trimEnd();
  });
  const trace = traceId === null ? "no trace was named" : `trace ${traceId}`;
  const reasons = events.some(({ outcome }) => outcome === "failure") ? ["What to do: docs/concepts/errors.md"] : [];
  return [`request ${requestId}`, trace, ...lines, ...reasons].join("\n");
}
