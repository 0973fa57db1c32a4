import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { SentMail } from "./journeys.ts";
import { type RunningApp, startApp } from "./running-app.ts";

const folder = fileURLToPath(new URL("../../examples/next-app/", import.meta.url));
const next = "node_modules/next/dist/bin/next";
const quiet = { NEXT_TELEMETRY_DISABLED: "1" };

/** Builds the Next app and starts what was built, on a free port. */
export async function startNextApp(): Promise<RunningApp> {
  await build();
  const port = String(await freePort());
  return startApp({
    name: "The Next app",
    cwd: folder,
    args: [next, "start", "-p", port],
    env: { ...quiet, PORT: port },
    prints: /(http:\/\/localhost:\d+)[^]*Ready/,
  });
}

/** What its mailbox page shows, oldest first. */
export async function readMailboxPage(page: Page): Promise<readonly SentMail[]> {
  const html = await (await page.request.get("/mailbox")).text();
  const articles = html.matchAll(/<article>[^]*?<p>To (?:<!-- -->)?([^<]*)<\/p>[^]*?<pre>([^]*?)<\/pre>/g);
  return [...articles].map(([, to = "", text = ""]) => ({ to, text: text.replaceAll("&amp;", "&") })).reverse();
}

function build(): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const child = spawn(process.execPath, [next, "build"], { cwd: folder, env: { ...process.env, ...quiet } });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += chunk));
    child.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`next build ended with ${code}:\n${printed}`)),
    );
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
