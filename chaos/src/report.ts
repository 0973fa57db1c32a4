import type { Peers } from "./peers/peers.ts";

/** One line of the report: a figure and the limit it is held against. */
export interface Figure {
  /** The fault of the plan: `F3`. */
  readonly row: string;
  readonly what: string;
  readonly figure: number | string;
  /** The condition on `figure`, for example `= 0`, or `shown` where nothing is promised. */
  readonly limit: string;
  readonly holds: boolean;
  readonly note?: string;
}

export interface RunOptions {
  /** Short faults and few clients: under three minutes for all rows. Figures of time are shown, not judged. */
  readonly isSmoke: boolean;
  /** Faults at the length the plan asks for, and a thousand kills. */
  readonly isLong: boolean;
  /** Without what the row says it breaks: then a figure has to fail. */
  readonly isBroken: boolean;
  readonly peers: Peers;
  /** Progress, on stderr. */
  readonly say: (text: string) => void;
}

/** One fault of the plan. */
export interface ChaosRow {
  readonly name: string;
  readonly what: string;
  /** What the plan asks for in real time and this row does in less, or smaller. */
  readonly compressed: string;
  /** The protection that `--break` takes away, after which a figure must fail. */
  readonly breaks: string;
  run(options: RunOptions): Promise<readonly Figure[]>;
}

/** A server this machine does not have. */
export class PeerMissing extends Error {}

interface FigureInput {
  readonly row: string;
  readonly what: string;
  readonly figure: number;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly note?: string;
}

/** Holds a figure against its limit; without one it is shown. */
export function figure({ row, what, figure: value, atMost, atLeast, note }: FigureInput): Figure {
  const isWithin = (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
  const limits = [
    ...(atLeast === undefined ? [] : [`>= ${atLeast}`]),
    ...(atMost === undefined ? [] : [atMost === 0 ? "= 0" : `<= ${atMost}`]),
  ];
  return {
    row,
    what,
    figure: Number.isInteger(value) ? value : Number(value.toPrecision(4)),
    limit: limits.length === 0 ? "shown" : limits.join(", "),
    holds: isWithin && !Number.isNaN(value),
    ...(note === undefined ? {} : { note }),
  };
}

/** A duration: judged only where the run is long enough to mean something. */
export function duration(input: FigureInput, options: RunOptions): Figure {
  const { atMost: _limit, ...shown } = input;
  return figure(options.isSmoke ? shown : input);
}

export function skipped(row: string, reason: string): Figure {
  const isRequired = process.env["SEGNO_REQUIRE_PEERS"] === "1";
  return { row, what: `skipped: ${reason}`, figure: "none", limit: "peer needed", holds: !isRequired };
}

/** Exactly the five members a machine reads. */
export function toJson({ row, what, figure: value, limit, holds }: Figure): string {
  return JSON.stringify({ row, what, figure: value, limit, holds });
}

export const tableHead = line(["row", "figure", "limit", "", "what"]);

export function toTableLine(entry: Figure): string {
  const isSkipped = entry.figure === "none" && entry.holds;
  const verdict = entry.limit === "shown" || isSkipped ? "" : entry.holds ? "holds" : "FAILS";
  const cells = [entry.row, `${entry.figure}`, entry.limit, verdict, entry.what];
  return line(cells) + (entry.note === undefined ? "" : `\n${" ".repeat(6)}${entry.note}`);
}

function line([row = "", value = "", limit = "", verdict = "", what = ""]: readonly string[]): string {
  return `${row.padEnd(5)}${value.padStart(9)}  ${limit.padEnd(14)}${verdict.padEnd(7)}${what}`.trimEnd();
}
