#!/usr/bin/env node
import process from "node:process";
import { failureOf } from "./failure.js";
import { run } from "./run.js";
import { takeTerminal } from "./terminal.js";

// an engine that is made from here on starts nothing by itself, also where its module awaits ready()
process.env["SEGNO_TOOL"] = "1";
const terminal = takeTerminal(process, process.env);

/** A module of the user may leave timers and sockets behind: the command is over when it has answered. */
function end(code: number): void {
  void terminal.flush().then(() => process.exit(code));
}

/** Something of the user's module, or a fault of ours: told in one line like any other. */
function fail(error: unknown): void {
  const { cause, fix, docs } = failureOf(error);
  terminal.note(`segno: ${cause}\n  fix:  ${fix}\n  docs: ${docs}`);
  end(1);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
process.on("SIGINT", () => process.exit(130));

run(process.argv.slice(2), terminal).then(end, fail);
