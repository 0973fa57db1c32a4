// The killed side of crash-kit.ts: argv holds the database and the boundary at which this process kills itself.
import { writeSync } from "node:fs";
import type { StoreSource } from "../src/storage/index.js";
import { sourceAt } from "./stores.js";
import { watchStore } from "./watched-store.js";

const [address = "", point = "0"] = process.argv.slice(2);
export const dieAt = Number(point);
let boundary = 0;
let isArmed = false;

/** What a crash leaves changes with statements and commits alone, so a boundary lies after each of them. */
function passBoundary(): void {
  if (!isArmed) return;
  boundary += 1;
  if (boundary === dieAt) process.kill(process.pid, "SIGKILL");
}

export const database: StoreSource = watchStore(sourceAt(address), { after: passBoundary, committed: passBoundary });

/** Boundaries count from here. */
export function arm(): void {
  isArmed = true;
}

/** Prints what reached the caller. Written at once: a kill loses nothing of it. */
export function acknowledge(what: Readonly<Record<string, unknown>>): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

export function acknowledgeEnd(): void {
  acknowledge({ done: true, boundaries: boundary });
}
