import { execFileSync } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { runDocsBlock } from "../../../test/docs-block.js";
import { arrivedOf, type ReceivedEvent, sinkContract } from "../../../test/sink-contract.js";
import { outgoingEvent, outgoingEvents } from "../../../test/sink-events.js";
import type { EventSink, OutgoingEvent } from "../sink.js";
import { jsonLinesSink, type JsonLinesSinkOptions } from "./json-lines.js";
import type { LineStream } from "./line-writer.js";

const folder = mkdtempSync(join(tmpdir(), "segno-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(folder, `events-${(files += 1)}.jsonl`);

/** Lines as a log shipper reads them: the id and type stand in the line, nowhere else. */
const readLines = (text: string): ReceivedEvent[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((body) => {
      const { id, type } = JSON.parse(body) as { id: string; type: string };
      return { id, type: type.replace(/^dev\.segno\./, "").replace(/\.v\d+$/, ""), body, headers: {} };
    });

/** A stream that can be gone or full, as a pipe to another process can. */
function shipper() {
  let mode: "takes" | "gone" | "full" = "takes";
  let text = "";
  const waiting: ((error?: Error) => void)[] = [];
  const stream: LineStream = {
    write(chunk, callback) {
      if (mode === "gone") setImmediate(callback, Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      else if (mode === "full") waiting.push(callback);
      else {
        text += chunk;
        setImmediate(callback);
      }
      return mode === "takes";
    },
  };
  const turn = (to: typeof mode) => async () => {
    mode = to;
    for (const callback of waiting.splice(0)) callback(new Error("reset"));
  };
  return { stream, text: () => text, leave: turn("gone"), hang: turn("full"), comeBack: turn("takes") };
}

await sinkContract({
  name: "lines to a stream",
  isDeduplicating: false,
  start: async () => {
    const receiver = shipper();
    return {
      open: async () => ({ sink: jsonLinesSink({ name: "lines", to: receiver.stream }), end: async () => {} }),
      received: async () => readLines(receiver.text()),
      leave: receiver.leave,
      hang: receiver.hang,
      comeBack: receiver.comeBack,
      stop: async () => {},
    };
  },
});

const soon = () => AbortSignal.timeout(5_000);
const deliver = async (sink: EventSink, events: readonly OutgoingEvent[]) => await sink.deliver(events, soon());
const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);

describe("jsonLinesSink to a file", () => {
  it("writes one line per event, the committed bytes, behind what is there", async () => {
    const file = newFile();
    const batch = outgoingEvents(30);
    await deliver(jsonLinesSink({ name: "lines", to: file }), batch.slice(0, 10));
    await deliver(jsonLinesSink({ name: "lines", to: file }), batch.slice(10));
    expect(linesOf(file)).toEqual(batch.map(({ cloudEvent }) => cloudEvent));
    expect(statSync(file).mode & 0o777 & ~0o640).toBe(0);
  });

  it("R053: works as the documentation shows it", async () => {
    const file = newFile();
    const { lines } = await runDocsBlock("concepts/event-sinks.md", "lines.ts", {
      "@segno/server/events": {
        jsonLinesSink: (options: JsonLinesSinkOptions) => jsonLinesSink({ ...options, to: file }),
      },
    });
    await deliver(lines as EventSink, outgoingEvents(2));
    expect(linesOf(file)).toHaveLength(2);
  });

  it("removes a line that a crash cut off, wherever it was cut, and nothing else", async () => {
    const whole = outgoingEvents(3).map(({ cloudEvent }) => `${cloudEvent}\n`);
    const long = `{"x":"${"y".repeat(200_000)}`;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3 }), fc.nat(), fc.boolean(), async (kept, cut, isLong) => {
        const file = newFile();
        const rest = isLong ? long : (whole[2] ?? "").slice(0, -1);
        const before = whole.slice(0, kept).join("");
        writeFileSync(file, before + rest.slice(0, cut % rest.length));
        const next = outgoingEvent();
        await deliver(jsonLinesSink({ name: "lines", to: file }), [next]);
        expect(readFileSync(file, "utf8")).toBe(`${before}${next.cloudEvent}\n`);
        rmSync(file);
      }),
      { numRuns: 60 },
    );
  });

  it("loses nothing when the process is killed in the middle of a batch", async () => {
    const file = newFile();
    const script = `
      const { jsonLinesSink } = await import(process.env.SINK);
      const { outgoingEvents } = await import(process.env.EVENTS);
      const sink = jsonLinesSink({ name: "lines", to: process.env.FILE });
      for (;;) {
        const batch = outgoingEvents(50);
        await sink.deliver(batch, AbortSignal.timeout(5000));
        for (const { event } of batch) process.stdout.write(event.id + "\\n");
      }`;
    const loader = new URL("../../../test/source-loader.mjs", import.meta.url).href;
    let told = "";
    try {
      execFileSync(process.execPath, ["--import", loader, "--input-type=module", "-e", script], {
        timeout: 1_500,
        killSignal: "SIGKILL",
        stdio: ["ignore", "pipe", "ignore"],
        maxBuffer: 100_000_000,
        env: {
          ...process.env,
          FILE: file,
          SINK: new URL("json-lines.ts", import.meta.url).href,
          EVENTS: new URL("../../../test/sink-events.ts", import.meta.url).href,
        },
      });
    } catch (error) {
      told = String((error as { stdout: unknown }).stdout);
    }
    const ids = told.split("\n").slice(0, -1);
    expect(ids.length).toBeGreaterThan(100);
    await deliver(jsonLinesSink({ name: "lines", to: file }), [outgoingEvent()]);
    const written = new Set(readLines(readFileSync(file, "utf8")).map(({ id }) => id));
    expect(ids.filter((id) => !written.has(id))).toEqual([]);
  });

  it("begins a new file when the old one was renamed", async () => {
    const file = newFile();
    const sink = jsonLinesSink({ name: "lines", to: file });
    await deliver(sink, outgoingEvents(2));
    renameSync(file, `${file}.1`);
    await deliver(sink, outgoingEvents(3));
    expect([linesOf(`${file}.1`).length, linesOf(file).length]).toEqual([2, 3]);
  });

  it("rejects while the folder is missing or the path is a folder, tells only the code, and comes back", async () => {
    const sink = jsonLinesSink({ name: "lines", to: join(folder, "canary-4711", "events.jsonl") });
    await expect(deliver(sink, outgoingEvents(1))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(deliver(sink, outgoingEvents(1))).rejects.not.toThrow(/canary/);
    await expect(deliver(jsonLinesSink({ name: "lines", to: folder }), outgoingEvents(1))).rejects.toMatchObject({
      code: "EISDIR",
    });
  });

  it("T-072: keeps a full disk from losing or cutting lines", async () => {
    const sink = jsonLinesSink({ name: "lines", to: "/dev/full" });
    await expect(deliver(sink, outgoingEvents(1))).rejects.toMatchObject({ code: expect.stringMatching(/^[A-Z]+$/) });
  });
});

describe("jsonLinesSink to a stream", () => {
  it("gives a stream the next batch only when it has the last one", async () => {
    const taken: (() => void)[] = [];
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void taken.push(done) });
    const sink = jsonLinesSink({ name: "lines", to: slow });
    const calls = [deliver(sink, outgoingEvents(2)), deliver(sink, outgoingEvents(2))];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(taken).toHaveLength(1);
    taken[0]?.();
    await calls[0];
    await expect.poll(() => taken.length).toBe(2);
    taken[1]?.();
    await Promise.all(calls);
  });

  it("never writes two batches at once, also when the first was given up", async () => {
    const callbacks: (() => void)[] = [];
    const to: LineStream = { write: (_text, callback) => callbacks.push(callback) };
    const sink = jsonLinesSink({ name: "lines", to });
    await expect(sink.deliver(outgoingEvents(1), AbortSignal.timeout(20))).rejects.toThrow();
    const next = deliver(sink, outgoingEvents(1));
    await expect(sink.deliver(outgoingEvents(1), AbortSignal.timeout(20))).rejects.toThrow();
    expect(callbacks).toHaveLength(1);
    callbacks[0]?.();
    await expect.poll(() => callbacks.length).toBe(2);
    callbacks[1]?.();
    await next;
    expect(callbacks).toHaveLength(2);
  });

  it("writes to a file's stream, and rejects when that is closed", async () => {
    const file = newFile();
    const stream = createWriteStream(file);
    stream.on("error", () => undefined);
    const sink = jsonLinesSink({ name: "lines", to: stream });
    await deliver(sink, outgoingEvents(3));
    expect(linesOf(file)).toHaveLength(3);
    await new Promise((resolve) => stream.end(resolve));
    await expect(deliver(sink, outgoingEvents(1))).rejects.toMatchObject({ code: "ERR_STREAM_WRITE_AFTER_END" });
  });

  it("rejects without its words when a stream throws", async () => {
    const to: LineStream = {
      write() {
        throw new Error("canary-4711");
      },
    };
    await expect(deliver(jsonLinesSink({ name: "lines", to }), outgoingEvents(1))).rejects.not.toThrow(/canary/);
  });

  it("refuses a line over one mebibyte for good, and writes the others", async () => {
    const file = newFile();
    const [before, big, after] = [outgoingEvent(), outgoingEvent({ bytes: 2 ** 20 }), outgoingEvent()];
    expect(await deliver(jsonLinesSink({ name: "lines", to: file }), [before, big, after])).toEqual([
      { id: big.event.id, reason: "line_too_long", isFinal: true },
    ]);
    expect(
      await arrivedOf({ received: async () => readLines(readFileSync(file, "utf8")) }, [before, after]),
    ).toHaveLength(2);
  });
});

it("names every option that is wrong at once", () => {
  const make = (options: object) => () => jsonLinesSink({ name: "lines", to: "x", ...options } as JsonLinesSinkOptions);
  expect(make({})).not.toThrow();
  for (const to of [undefined, "", "a\0b", 7, {}, { write: 1 }, null]) expect(make({ to })).toThrow(/`to`/);
  expect(make({ name: "A", to: 1, types: ["x"], batchSize: 0 })).toThrow(/`name`.*`types`.*`batchSize`.*`to`/);
  expect(make({ name: "A" })).toThrow(TypeError);
});
