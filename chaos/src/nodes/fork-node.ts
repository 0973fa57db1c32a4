import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process of its own, listening on a port. */
export interface ForkedNode {
  readonly port: number;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Asks it something its module answers. */
  ask<Answer>(question: string, input?: unknown): Promise<Answer>;
  /** Whether it still runs. */
  readonly isAlive: boolean;
  /** Ends it by SIGKILL, as a power cut would. */
  kill(): Promise<void>;
  /** Waits until it has ended by itself. */
  ended(): Promise<void>;
  /** Lets it close what it holds. */
  stop(): Promise<void>;
}

export interface ForkOptions {
  /** Hears what the node says unasked: mail, events. */
  readonly onTold?: (told: never) => void;
  /** Where its log lines go; default away. */
  readonly isLoud?: boolean;
}

interface Message {
  readonly id?: number;
  readonly answer?: unknown;
  readonly error?: string;
  readonly told?: unknown;
}

const running = new Set<ForkedNode>();

/** Ends what a row that failed half-way left running. */
export async function killNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.kill()));
}

export async function forkNode(
  module: "engine" | "api",
  options: object,
  { onTold, isLoud = process.env["CHAOS_LOUD"] === "1" }: ForkOptions = {},
): Promise<ForkedNode> {
  const modulePath = new URL(`./${module}.ts`, import.meta.url).href;
  const child = fork(fileURLToPath(new URL("./host.ts", import.meta.url)), [modulePath, JSON.stringify(options)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: { ...process.env, NODE_ENV: "production" },
    stdio: ["ignore", isLoud ? "inherit" : "ignore", "inherit", "ipc"],
  });
  const waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.on("message", ({ id, answer, error, told }: Message) => {
    if (id === undefined) return onTold?.(told as never);
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(answer);
    else waiter?.reject(new Error(`${module}: ${error}`));
  });
  void exited.then(() => {
    running.delete(node);
    for (const { reject } of waiting.values()) reject(new Error(`The ${module} node ended before it answered.`));
  });
  let lastId = 0;
  const answerTo = (id: number) => new Promise<unknown>((resolve, reject) => void waiting.set(id, { resolve, reject }));
  const end = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  const facts = { port: 0, facts: {} as Readonly<Record<string, unknown>> };
  const node: ForkedNode = {
    get port() {
      return facts.port;
    },
    get facts() {
      return facts.facts;
    },
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
    ask<Answer>(question: string, input?: unknown): Promise<Answer> {
      lastId += 1;
      const answer = answerTo(lastId);
      child.send({ ask: question, input, id: lastId }, () => {});
      return answer as Promise<Answer>;
    },
    kill: end,
    ended: () => exited,
    async stop() {
      const patience = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await node.ask("stop").catch(() => {});
      await exited;
      clearTimeout(patience);
    },
  };
  running.add(node);
  Object.assign(facts, await answerTo(0));
  return node;
}
