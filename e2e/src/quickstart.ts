import { fileURLToPath } from "node:url";
import { type RunningApp, startApp } from "./running-app.ts";

const quickstart = fileURLToPath(new URL("../../examples/quickstart/", import.meta.url));

/** Starts the quickstart as a user does. */
export function startQuickstart(): Promise<RunningApp> {
  return startApp({
    name: "The quickstart",
    cwd: quickstart,
    args: ["server.ts"],
    env: { PORT: "4310", NODE_ENV: "development" },
    prints: /Open\s+(http:\/\/localhost:\d+)/,
  });
}
