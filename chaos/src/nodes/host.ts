import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** What a module of this folder starts. */
export interface Hosted {
  readonly listener: RequestListener;
  /** Told to the parent once. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** What the parent may ask, by name. */
  readonly asks?: Readonly<Record<string, (input: never) => unknown>>;
}

/** What every module's `start` gets. */
export interface HostContext {
  /** The port it will listen on. */
  readonly port: number;
  /** Says something to the parent that it did not ask for. */
  readonly tell: (told: unknown) => void;
}

/** The child process of one node: `node host.ts <module> <options as JSON>`. Talks to its parent over IPC. */
const [, , modulePath = "", optionsJson = "{}"] = process.argv;
const { start } = (await import(modulePath)) as {
  start: (options: unknown, context: HostContext) => Promise<Hosted>;
};

const server = createServer({ keepAliveTimeout: 60_000 });
await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 2_048 }, resolve));
const { port } = server.address() as AddressInfo;
const hosted = await start(JSON.parse(optionsJson), { port, tell: (told) => process.send?.({ told }) });
server.on("request", hosted.listener);

process.on("message", async (message: { ask: string; input?: unknown; id: number }) => {
  try {
    const ask = hosted.asks?.[message.ask];
    if (ask === undefined && message.ask !== "stop") throw new Error(`no answer to ${message.ask}`);
    const answer = await ask?.(message.input as never);
    process.send?.({ id: message.id, answer });
  } catch (error) {
    process.send?.({ id: message.id, error: error instanceof Error ? error.message : String(error) });
  }
  if (message.ask === "stop") process.exit(0);
});
process.on("disconnect", () => process.exit(0));
process.send?.({ id: 0, answer: { port, facts: hosted.facts ?? {} } });
