import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EngineNodeOptions } from "./engine.ts";

const command = fileURLToPath(new URL("../../../packages/cli/dist/bin.js", import.meta.url));
const tool = fileURLToPath(new URL("./tool.ts", import.meta.url));

/** What a command of an operator came to. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
}

/** Runs the built `segno` in a process of its own, as an operator would, with an engine's configuration. @returns its exit code */
export async function runCommand(args: readonly string[], engine: EngineNodeOptions): Promise<number> {
  return (await runTool([...args, "--config", tool], engine)).code;
}

/** The same with no more arguments than these, and with what it says. */
export function runTool(args: readonly string[], engine?: EngineNodeOptions): Promise<CommandResult> {
  const env = { ...process.env, CHAOS_ENGINE: JSON.stringify(engine ?? {}), NODE_NO_WARNINGS: "1" };
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const isLoud = process.env["CHAOS_LOUD"] === "1";
      if (isLoud) process.stderr.write(`segno ${args.join(" ")}\n${stdout}${stderr}`);
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout });
    });
  });
}
