/** Something to time: does `items` pieces of work in `round`, and throws when an answer is wrong. */
export interface Candidate {
  readonly name: string;
  run(round: number): void | Promise<void>;
}

export interface Rounds {
  readonly rounds: number;
  readonly items: number;
  readonly warmup?: number;
  /** Untimed preparation, once before each round. */
  readonly prepare?: (round: number) => void;
}

/** Microseconds an item, one value a round, by candidate; CPU time of the process under `name + " cpu"`. */
export type Timings = ReadonlyMap<string, readonly number[]>;

/**
 * Runs every candidate once a round, starting with another one each time, so that drift of the machine hits all alike.
 * The first `warmup` rounds are dropped.
 */
export async function interleave(candidates: readonly Candidate[], options: Rounds): Promise<Timings> {
  const timings = new Map(
    candidates.flatMap(({ name }) => [[name, [] as number[]] as const, [`${name} cpu`, [] as number[]] as const]),
  );
  const warmup = options.warmup ?? 2;
  for (let round = 0; round < options.rounds + warmup; round += 1) {
    options.prepare?.(round);
    for (let turn = 0; turn < candidates.length; turn += 1) {
      const candidate = candidates[(round + turn) % candidates.length];
      if (candidate === undefined) continue;
      const cpuBefore = process.cpuUsage();
      const started = performance.now();
      await candidate.run(round);
      const tookUs = ((performance.now() - started) * 1000) / options.items;
      const cpu = process.cpuUsage(cpuBefore);
      if (round < warmup) continue;
      timings.get(candidate.name)?.push(tookUs);
      timings.get(`${candidate.name} cpu`)?.push((cpu.user + cpu.system) / options.items);
    }
  }
  return timings;
}

/** Median microseconds an item. */
export function medianOf(timings: Timings, name: string): number {
  return median(timings.get(name) ?? []);
}

/** How many times faster `name` is than `other`: the median of the ratios within each round. */
export function speedRatio(timings: Timings, name: string, other: string): number {
  const ours = timings.get(name) ?? [];
  const theirs = timings.get(other) ?? [];
  return median(ours.map((value, round) => (theirs[round] ?? Number.NaN) / value));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Rate from microseconds an item. */
export function perSecond(microseconds: number): number {
  return 1_000_000 / microseconds;
}

/** Works through `items` with `width` of them in flight. */
export async function inFlight(items: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Fails a run whose answers are wrong: a fast wrong answer is no result. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`bench: wrong result: ${what}`);
}

/** True when `work` throws or rejects. */
export async function refuses(work: () => unknown): Promise<boolean> {
  try {
    await work();
    return false;
  } catch {
    return true;
  }
}
