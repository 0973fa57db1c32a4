import { type FileHandle, open } from "node:fs/promises";
import type { Refusal } from "../sink.js";
import type { OptionFaults } from "./option-faults.js";
import { untilAborted } from "./until-aborted.js";

/** What Segno needs of a stream, as `process.stdout`, a file stream or a socket have it. */
export interface LineStream {
  /** Takes text and calls back when it has it, or with the fault. */
  write(text: string, callback: (error?: Error | null) => void): unknown;
}

/** The path of a file, or a stream. */
export type LineTarget = string | LineStream;

/** What one event becomes. It holds no line break. */
export interface Line {
  /** The event's id. */
  readonly id: string;
  readonly text: string;
}

/** Longer than any event of ours, and as long as most readers of lines go. */
const longestLineBytes = 1_048_576;

/**
 * Resolves when the target has all the lines but the refused ones: a stream by its callback, a file once they are on the
 * disk.
 */
export type LineWriter = (lines: readonly Line[], signal: AbortSignal) => Promise<readonly Refusal[]>;

export function createLineWriter(to: unknown, faults: OptionFaults): LineWriter {
  const isPath = typeof to === "string" && to !== "" && !to.includes("\0");
  const stream = isLineStream(to) ? to : undefined;
  faults.require(
    isPath || stream !== undefined,
    "`to` is the path of a file, or a stream with `write(text, callback)`",
  );
  /** One write at a time, also when the last one was given up. */
  let last: Promise<unknown> = Promise.resolve();
  return async (lines, signal) => {
    signal.throwIfAborted();
    const fitting = lines.filter(({ text }) => Buffer.byteLength(text) <= longestLineBytes);
    const refused = lines.filter((line) => !fitting.includes(line));
    const refusals = refused.map(({ id }) => ({ id, reason: "line_too_long", isFinal: true }));
    if (fitting.length === 0) return refusals;
    const text = fitting.map((line) => `${line.text}\n`).join("");
    const write = async (): Promise<void> => {
      if (signal.aborted) return;
      await (stream === undefined ? appendTo(String(to), text) : writeTo(stream, text));
    };
    const turn = last.then(write);
    last = turn.catch(() => undefined);
    await untilAborted(signal, () => turn);
    return refusals;
  };
}

function isLineStream(value: unknown): value is LineStream {
  return typeof value === "object" && value !== null && "write" in value && typeof value.write === "function";
}

async function writeTo(stream: LineStream, text: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      stream.write(text, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
  } catch (error) {
    throw away(error);
  }
}

/** Opened anew each time: a file that was renamed by whoever rotates logs is left, and a new one begun. */
async function appendTo(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "a+", 0o640);
    try {
      await dropCutLine(file);
      await file.appendFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw away(error);
  }
}

/**
 * What stands behind the last line break is a line that a crash cut off. Nobody was told that its event had arrived, so it
 * goes, and the event is offered again.
 */
async function dropCutLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const chunk = Buffer.alloc(65_536);
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - chunk.length);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const at = chunk.subarray(0, bytesRead).lastIndexOf(0x0a);
    end = at >= 0 ? start + at + 1 : start;
    if (at >= 0) break;
  }
  if (end < size) await file.truncate(end);
}

function away(error: unknown): Error {
  const code = codeOf(error) ?? "write_failed";
  return Object.assign(new Error(`The lines could not be written (${code}).`), { code });
}

function codeOf(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^\w{2,60}$/.test(code) ? code : undefined;
}
