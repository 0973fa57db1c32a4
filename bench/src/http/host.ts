import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { HostedServer } from "./hosted.ts";

/** The child process of one measured server: `node host.ts <module> <options as JSON>`. Talks to its parent over IPC. */
const [, , modulePath = "", optionsJson = "{}"] = process.argv;
const { start } = (await import(modulePath)) as { start: (options: unknown) => Promise<HostedServer> };

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
const hosted = await start({ ...(JSON.parse(optionsJson) as object), port });
server.on("request", hosted.listener);

process.on("message", async (message: { ask: string; input?: unknown; id: number }) => {
  const answer =
    message.ask === "cpu"
      ? process.cpuUsage()
      : message.ask === "prepare"
        ? await hosted.prepare?.(message.input)
        : undefined;
  process.send?.({ id: message.id, answer });
  if (message.ask === "stop") process.exit(0);
});
process.on("disconnect", () => process.exit(0));
process.send?.({ id: 0, answer: { port, facts: hosted.facts ?? {} } });
