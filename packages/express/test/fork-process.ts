import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";

const loader = new URL("../../server/test/source-loader.mjs", import.meta.url).href;
const running: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all(
    running.splice(0).map(async (child) => {
      if (child.exitCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    }),
  );
});

export interface ForkedProcess {
  readonly origin: string;
  ask<Answer>(question: object): Promise<Answer>;
}

/** Runs a file of `processes/` from source until the test ends; it tells its origin first. */
export async function forkProcess(name: "issuer" | "orders", args: readonly string[]): Promise<ForkedProcess> {
  const file = fileURLToPath(new URL(`./processes/${name}.ts`, import.meta.url));
  const child = fork(file, [...args], { execArgv: ["--disable-warning=ExperimentalWarning", "--import", loader] });
  running.push(child);
  const answer = async <Answer>(): Promise<Answer> => {
    const [message] = (await Promise.race([
      once(child, "message"),
      once(child, "exit").then(() => Promise.reject(new Error(`The process ${name} ended.`))),
    ])) as [Answer];
    return message;
  };
  const { origin } = await answer<{ origin: string }>();
  return {
    origin,
    async ask(question) {
      child.send(question);
      return await answer();
    },
  };
}
