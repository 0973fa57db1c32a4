import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RunningApp {
  readonly url: string;
  stop(): Promise<void>;
}

export interface AppStart {
  readonly name: string;
  readonly cwd: string;
  /** Arguments of Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Finds the address in what the app prints; its first group is the URL. */
  readonly prints: RegExp;
}

/** Starts an example as a user does, on a database of its own, and waits for the line that says what to open. */
export async function startApp({ name, cwd, args, env, prints }: AppStart): Promise<RunningApp> {
  const folder = mkdtempSync(join(tmpdir(), "segno-e2e-"));
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, SEGNO_DATABASE_URL: join(folder, "segno.db"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    const url = await openedUrl(child, name, prints);
    return { url, stop: () => stop(child, folder) };
  } catch (error) {
    await stop(child, folder);
    throw error;
  }
}

function openedUrl(child: ChildProcess, name: string, prints: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const read = (chunk: Buffer) => {
      printed += chunk.toString();
      const found = prints.exec(printed);
      if (found?.[1]) resolve(found[1]);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code} before it was ready:\n${printed}`)));
    setTimeout(() => reject(new Error(`${name} did not start in 60 s:\n${printed}`)), 60_000).unref();
  });
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  }
  rmSync(folder, { recursive: true, force: true });
}
