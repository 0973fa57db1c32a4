import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EngineNodeOptions } from "./engine.ts";

const command = fileURLToPath(new URL("../../../packages/cli/dist/bin.js", import.meta.url));
const tool = fileURLToPath(new URL("./tool.ts", import.meta.url));

/** Runs the built `segno` in a process of its own, as an operator would. @returns its exit code */
export function runCommand(args: readonly string[], engine: EngineNodeOptions): Promise<number> {
  const env = { ...process.env, CHAOS_ENGINE: JSON.stringify(engine), NODE_NO_WARNINGS: "1" };
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args, "--config", tool], { env }, (error, stdout, stderr) => {
      const isLoud = process.env["CHAOS_LOUD"] === "1";
      if (isLoud) process.stderr.write(`segno ${args.join(" ")}\n${stdout}${stderr}`);
      resolve(typeof error?.code === "number" ? error.code : error === null ? 0 : -1);
    });
  });
}
