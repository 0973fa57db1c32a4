/** What can be wrong with a log. */
export type LogProblemCode =
  | "checkpoint_missing"
  | "checkpoint_malformed"
  | "checkpoint_order"
  | "checkpoint_differs"
  | "signature_unknown_key"
  | "signature_bad"
  | "signature_key_out_of_range"
  | "root_mismatch"
  | "fork"
  | "rolled_back"
  | "truncated"
  | "head_malformed"
  | "head_mismatch"
  | "file_missing"
  | "file_malformed"
  | "file_unexpected"
  | "leaf_changed"
  | "tile_changed"
  | "leaf_or_tile_changed"
  | "leaf_expired"
  | "leaf_malformed"
  | "clock_regression"
  | "witnesses_missing";

/** One thing that is wrong, where, and why that matters. */
export interface LogProblem {
  readonly code: LogProblemCode;
  /** The file, as a path within the log. */
  readonly path?: string;
  /** The first leaf it is about. */
  readonly from?: number;
  /** The leaf behind the last one it is about. */
  readonly to?: number;
  /** In words. */
  readonly reason: string;
}

/** Takes problems: all are counted, the first ones kept. */
export interface ProblemList {
  add(problem: LogProblem): void;
  readonly count: () => number;
  readonly kept: readonly LogProblem[];
}

export function createProblemList(limit: number): ProblemList {
  const kept: LogProblem[] = [];
  let count = 0;
  return {
    kept,
    count: () => count,
    add(problem) {
      count += 1;
      if (kept.length < limit) kept.push(problem);
    },
  };
}
