// The code of a page of the documentation, run as a reader would who copied it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import type { EventSink } from "../src/events/sink.js";

/** What the blocks about sinks export. */
export interface PageSink {
  readonly sink: EventSink;
  readonly stop: () => Promise<void> | void;
}

const docs = fileURLToPath(new URL("../../../docs/", import.meta.url));
// beside the packages that the code imports
const folder = fileURLToPath(new URL(`.page/${process.pid}/`, import.meta.url));

/** Runs the block whose first line is `// name`. @returns what it exports */
export async function runPageBlock(page: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  const blocks = readFileSync(join(docs, page), "utf8").matchAll(/^```ts\n([^]*?)^```/gm);
  const source = [...blocks].map(([, code = ""]) => code).find((code) => code.startsWith(`// ${name}\n`));
  if (source === undefined) throw new Error(`${page} has no block ${name}.`);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, source);
  return (await import(/* @vite-ignore */ file)) as Readonly<Record<string, unknown>>;
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));
