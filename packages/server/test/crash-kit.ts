// Runs a flow in a process of its own that kills itself at each boundary in turn, and looks at what is left. A boundary
// lies after each statement and each commit (crash-points.ts).
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "./stores.js";

/** The last line of a flow that was not killed. */
export interface LastLine {
  readonly done?: boolean;
  readonly boundaries?: number;
}

export interface CrashSuite<Line extends LastLine> {
  readonly name: string;
  /** What is asserted, as the name of the test. */
  readonly it: string;
  /** A file of this folder. */
  readonly flow: string;
  /** How many boundaries there are to one that is tried. All of them take long: that is for the nightly run. */
  readonly every: { readonly local: number; readonly ci: number };
  /** Fewer would mean that the flow did not run. */
  readonly boundaries: number;
  readonly timeoutMs: number;
  /** What must hold wherever the process died. `lines` is all that was acknowledged. */
  readonly check: (database: TestDatabase, lines: readonly Line[]) => Promise<void>;
  /** What the whole flow says when nobody kills it. */
  readonly checkWhole?: (lines: readonly Line[]) => void;
}

const loader = fileURLToPath(new URL("./source-loader.mjs", import.meta.url));
const isNightly = process.env.SEGNO_CRASH_ALL === "1";
const kinds = testDatabases.filter(({ name }) => name === "sqlite file" || name === "postgres");

export function describeCrashes<Line extends LastLine>(suite: CrashSuite<Line>): void {
  const { local, ci } = suite.every;
  const every = isNightly ? 1 : process.env.CI === "true" ? ci : local;
  describe.each(kinds)(`${suite.name} ($name)`, ({ skipped, create }) => {
    if (skipped !== undefined) {
      it.skip(skipped, () => {});
      return;
    }
    async function tryAt(point: number): Promise<readonly Line[]> {
      const database = await create();
      try {
        const lines = await run<Line>(suite.flow, database.address ?? "", point);
        await suite.check(database, lines);
        return lines;
      } catch (cause) {
        throw new Error(`killed at boundary ${point}`, { cause });
      } finally {
        await database.drop();
      }
    }

    it(suite.it, { timeout: isNightly ? 6 * suite.timeoutMs : suite.timeoutMs }, async () => {
      const whole = await tryAt(0);
      const { done, boundaries = 0 } = whole.findLast((line) => line.done !== undefined) ?? {};
      expect(done).toBe(true);
      suite.checkWhole?.(whole);
      expect(boundaries).toBeGreaterThan(suite.boundaries);
      const points = Array.from({ length: boundaries }, (_, index) => index + 1).filter((point) => point % every === 0);
      const next = points.values();
      const worker = async () => {
        for (const point of next) await tryAt(point);
      };
      await Promise.all([worker(), worker()]);
    });
  });
}

function run<Line>(flow: string, address: string, dieAt: number): Promise<readonly Line[]> {
  const file = fileURLToPath(new URL(`./${flow}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", loader, file, address, String(dieAt)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    let out = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("close", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(`died of itself at ${dieAt}: ${errors}`));
      const lines = out.split("\n").filter(Boolean);
      resolve(lines.map((line) => JSON.parse(line) as Line));
    });
  });
}

/** Every row of every table. */
export type Dump = Readonly<Record<string, readonly Record<string, unknown>[]>>;

/** The dump has a line per row: the table's name, then the row as JSON. */
export function parseDump(text: string): Dump {
  const tables: Record<string, Record<string, unknown>[]> = {};
  for (const line of text.split("\n").filter(Boolean)) {
    const space = line.indexOf(" ");
    const rows = (tables[line.slice(0, space)] ??= []);
    rows.push(JSON.parse(line.slice(space + 1)) as Record<string, unknown>);
  }
  return tables;
}

export interface DumpedEvent {
  readonly type: string;
  readonly subject?: string;
  readonly sessionid?: string;
  readonly data: { readonly kid?: string };
}

/** What the outbox holds, under the names of the catalogue. */
export function eventsIn(dump: Dump): readonly DumpedEvent[] {
  return (dump["segno_outbox"] ?? []).map((row) => {
    const payload = JSON.parse(String(row["payload"])) as DumpedEvent;
    return { ...payload, type: String(row["type"]) };
  });
}
