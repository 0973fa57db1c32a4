import process from "node:process";
import { createInterface } from "node:readline/promises";
import type { ReadStream, WriteStream } from "node:tty";
import { createRedactor } from "./redact.js";

type Color = "green" | "yellow" | "red" | "dim";
const codes: Readonly<Record<Color, number>> = { green: 32, yellow: 33, red: 31, dim: 2 };

/** Where a command writes. stdout carries the answer and nothing else; everything beside it goes to stderr. */
export interface Terminal {
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** How many columns an answer may take. */
  readonly columns: number;
  /** Writes the answer. */
  answer(text: string): void;
  /** Writes a line beside the answer. */
  note(text: string): void;
  /** Shows how far something has got: one changing line on a terminal, one line a step elsewhere. */
  progress(text: string): void;
  /** Colours a word of the answer, where colours are shown. */
  paint(color: Color, text: string): string;
  /** @returns what was typed; nothing when there will be no answer (Ctrl-D) */
  ask(question: string): Promise<string>;
  /** Resolves once everything written has left this process. */
  flush(): Promise<void>;
}

interface Streams {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly stderr: WriteStream;
}

/**
 * Takes stdout for the answer alone: whatever else in this process writes there, such as a module that logs while it
 * is loaded, ends up on stderr.
 */
export function takeTerminal(
  { stdin, stdout, stderr }: Streams,
  environment: Readonly<Record<string, string | undefined>>,
): Terminal {
  const write = stdout.write.bind(stdout) as (text: string, done?: () => void) => boolean;
  // whoever reads has seen enough, as in: segno migrate plan | head
  stdout.on("error", ({ code }: NodeJS.ErrnoException) => process.exit(code === "EPIPE" ? 0 : 1));
  // nobody reads what is beside the answer: to tell of that there would fail the same way, and again, without end
  stderr.on("error", () => {});
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  // each time anew: --env adds variables
  const redact = (text: string) => createRedactor(environment)(text);
  const hasColor = stdout.isTTY === true && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  const isInteractive = stdin.isTTY === true && stderr.isTTY === true;
  let isMidLine = false;
  const finishLine = () => {
    if (isMidLine) stderr.write("\n");
    isMidLine = false;
  };
  return {
    isInteractive,
    columns: Math.min(100, stdout.isTTY === true ? stdout.columns || 100 : 100),
    answer(text) {
      finishLine();
      write(`${redact(text)}\n`);
    },
    note(text) {
      finishLine();
      stderr.write(`${redact(text)}\n`);
    },
    progress(text) {
      if (stderr.isTTY !== true) return void stderr.write(`${redact(text)}\n`);
      stderr.write(`\r\u001b[2K${redact(text)}`);
      isMidLine = true;
    },
    paint: (color, text) => (hasColor ? `\u001b[${codes[color]}m${text}\u001b[0m` : text),
    async ask(question) {
      finishLine();
      const lines = createInterface({ input: stdin, output: stderr });
      lines.on("SIGINT", () => process.exit(130));
      const isOver = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
      try {
        return await Promise.race([lines.question(redact(question)), isOver]);
      } finally {
        lines.close();
      }
    },
    async flush() {
      await new Promise<void>((resolve) => write("", () => resolve()));
      await new Promise<void>((resolve) => stderr.write("", () => resolve()));
    },
  };
}
