import type { SegnoEvent } from "@segno/core";
import type { Segno } from "@segno/server";

/** Prints one line for each event in the terminal. No event holds an address, a token or a code. */
export function printEvents(segno: Segno): void {
  segno.on("*", (event) => console.log(eventLine(event)));
}

/** Time, type, outcome, the end of the account's id, and the request to look for in logs and traces. */
function eventLine({ time, type, outcome, failureClass, subject, requestId }: SegnoEvent): string {
  const about = subject === null ? "-" : `…${subject.slice(-8)}`;
  const why = failureClass === null ? "" : ` (${failureClass})`;
  return `  ${time.slice(11, 19)}  ${type.padEnd(20)} ${`${outcome}${why}`.padEnd(9)} ${about.padEnd(9)} ${requestId ?? "-"}`;
}
