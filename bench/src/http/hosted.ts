import { fork } from "node:child_process";
import type { RequestListener } from "node:http";
import { fileURLToPath } from "node:url";
import { median } from "../measure.ts";
import { type Load, sendLoad } from "./load.ts";

/** What a server module's `start` answers. */
export interface HostedServer {
  readonly listener: RequestListener;
  /** Told to the parent once: credentials, paths. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Makes what a round needs (fresh tokens, for example), untimed. */
  prepare?(input: unknown): Promise<unknown>;
}

/** A server in a process of its own, so that its CPU time is its own. */
export interface Host {
  readonly port: number;
  readonly facts: Readonly<Record<string, unknown>>;
  /** CPU time used so far, user and system, in microseconds. */
  cpuUs(): Promise<number>;
  prepare(input: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export async function openHost(module: string, options: Readonly<Record<string, unknown>> = {}): Promise<Host> {
  const modulePath = new URL(`../servers/${module}.ts`, import.meta.url).href;
  const child = fork(fileURLToPath(new URL("./host.ts", import.meta.url)), [modulePath, JSON.stringify(options)], {
    execArgv: ["--disable-warning=ExperimentalWarning", ...profiling(module)],
    env: { ...process.env, NODE_ENV: "production" },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map<number, (answer: unknown) => void>();
  const failed = new Promise<never>((_, reject) => {
    child.once("exit", (code) => reject(new Error(`bench: server ${module} ended early with code ${code}`)));
  });
  failed.catch(() => undefined);
  child.on("message", (message: { id: number; answer: unknown }) => waiting.get(message.id)?.(message.answer));
  let lastId = 0;
  const answerTo = (id: number) => new Promise<unknown>((resolve) => waiting.set(id, resolve));
  const ask = (question: string, input?: unknown): Promise<unknown> => {
    lastId += 1;
    const answer = answerTo(lastId);
    child.send({ ask: question, input, id: lastId });
    return Promise.race([answer, failed]);
  };
  const { port, facts } = (await Promise.race([answerTo(0), failed])) as {
    port: number;
    facts: Record<string, unknown>;
  };
  return {
    port,
    facts,
    async cpuUs() {
      const { user, system } = (await ask("cpu")) as NodeJS.CpuUsage;
      return user + system;
    },
    prepare: (input) => ask("prepare", input),
    stop: async () => void (await ask("stop")),
  };
}

/** `BENCH_PROFILE=folder` keeps a CPU profile of every server. */
function profiling(module: string): readonly string[] {
  const folder = process.env["BENCH_PROFILE"];
  return folder === undefined
    ? []
    : ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${module}-${process.pid}-${Date.now()}.cpuprofile`];
}

/** One measured server and how it is asked. */
export interface HttpCandidate {
  readonly name: string;
  readonly host: Host;
  /** Default: as many as the others send in a round. */
  readonly requests?: number;
  /** Makes the requests of a round, untimed. */
  readonly load: (
    round: number,
  ) => Omit<Load, "port" | "requests" | "lanes"> | Promise<Omit<Load, "port" | "requests" | "lanes">>;
}

export interface HttpFigures {
  /** CPU time of the server process a request, microseconds. */
  readonly cpuUs: readonly number[];
  readonly perSecond: readonly number[];
}

/** Rounds that are not counted: Node goes on optimising a server through its first ten thousand requests. */
export const warmRounds = 10;

/** Loads every candidate once a round, in rotating order. */
export async function loadInterleaved(
  candidates: readonly HttpCandidate[],
  options: { readonly rounds: number; readonly requests: number; readonly lanes?: number; readonly warmup?: number },
): Promise<ReadonlyMap<string, HttpFigures>> {
  const figures = new Map(candidates.map(({ name }) => [name, { cpuUs: [] as number[], perSecond: [] as number[] }]));
  const warmup = options.warmup ?? 2;
  for (let round = 0; round < options.rounds + warmup; round += 1) {
    for (let turn = 0; turn < candidates.length; turn += 1) {
      const candidate = candidates[(round + turn) % candidates.length];
      if (candidate === undefined) continue;
      const load = await candidate.load(round);
      const requests = candidate.requests ?? options.requests;
      const before = await candidate.host.cpuUs();
      const seconds = await sendLoad({
        ...load,
        port: candidate.host.port,
        requests,
        lanes: options.lanes ?? 8,
      });
      const cpuUs = (await candidate.host.cpuUs()) - before;
      if (round < warmup) continue;
      figures.get(candidate.name)?.cpuUs.push(cpuUs / requests);
      figures.get(candidate.name)?.perSecond.push(requests / seconds);
    }
  }
  return figures;
}

/** Median CPU a request. */
export function cpuOf(figures: ReadonlyMap<string, HttpFigures>, name: string): number {
  return median(figures.get(name)?.cpuUs ?? []);
}

/** Median of what `name` adds to `base`, round by round. */
export function addedCpuOf(figures: ReadonlyMap<string, HttpFigures>, name: string, base: string): number {
  const bare = figures.get(base)?.cpuUs ?? [];
  return median((figures.get(name)?.cpuUs ?? []).map((value, round) => value - (bare[round] ?? Number.NaN)));
}

export function rateOf(figures: ReadonlyMap<string, HttpFigures>, name: string): number {
  return median(figures.get(name)?.perSecond ?? []);
}

/** Median of the rates' ratio, round by round. */
export function rateRatio(figures: ReadonlyMap<string, HttpFigures>, name: string, base: string): number {
  const bare = figures.get(base)?.perSecond ?? [];
  return median((figures.get(name)?.perSecond ?? []).map((value, round) => value / (bare[round] ?? Number.NaN)));
}
