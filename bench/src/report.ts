/** One line of the report. `ours` and `reference` are in `unit`; which way is better is said by `budget`. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  readonly reference: number;
  /** What the budget is about; see `bench/README.md` for each row. */
  readonly ratio: number;
  /** The condition on `ratio`, for example `>= 0.85`, or `shown` where nothing is promised. */
  readonly budget: string;
  readonly holds: boolean;
  readonly unit: string;
  readonly note?: string;
}

export interface RunOptions {
  /** Short rounds: proves that a row runs and answers correctly, judges nothing. */
  readonly smoke: boolean;
  /** Progress, on stderr. */
  readonly say: (text: string) => void;
}

/** A group of rows measured together. */
export interface Bench {
  readonly name: string;
  run(options: RunOptions): Promise<readonly Row[]>;
}

interface RowInput {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly reference: number;
  /** Default `ours / reference`. */
  readonly ratio?: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly note?: string;
}

/** Makes a row and holds it against its budget. */
export function row(input: RowInput): Row {
  const ratio = input.ratio ?? input.ours / input.reference;
  const { atLeast, atMost } = input;
  const isJudged = atLeast !== undefined || atMost !== undefined;
  return {
    name: input.name,
    ours: rounded(input.ours),
    reference: rounded(input.reference),
    ratio: rounded(ratio),
    budget: !isJudged ? "shown" : atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`,
    holds: !isJudged || (atLeast === undefined ? ratio <= (atMost ?? 0) : ratio >= atLeast),
    unit: input.unit,
    ...(input.note === undefined ? {} : { note: input.note }),
  };
}

/** Exactly the six members a machine reads. */
export function toJson({ name, ours, reference, ratio, budget, holds }: Row): string {
  return JSON.stringify({ name, ours, reference, ratio, budget, holds });
}

export const tableHead: string = line(["row", "ours", "reference", "unit", "ratio", "budget", ""]);

export function toTableLine(entry: Row, isJudged: boolean): string {
  const verdict = !isJudged || entry.budget === "shown" ? "" : entry.holds ? "holds" : "MISSED";
  const cells = [
    entry.name,
    `${entry.ours}`,
    `${entry.reference}`,
    entry.unit,
    `${entry.ratio}`,
    entry.budget,
    verdict,
  ];
  return line(cells) + (entry.note === undefined ? "" : `\n    ${entry.note}`);
}

function line([
  name = "",
  ours = "",
  reference = "",
  unit = "",
  ratio = "",
  budget = "",
  verdict = "",
]: readonly string[]): string {
  return `${name.padEnd(36)}${ours.padStart(12)}${reference.padStart(12)}  ${unit.padEnd(12)}${ratio.padStart(9)}  ${budget.padEnd(9)} ${verdict}`.trimEnd();
}

function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : 0;
}
