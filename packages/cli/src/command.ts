import type { Segno } from "@segno/server";
import type { Terminal } from "./terminal.js";

/** One option as `parseArgs` takes it, with its line of help. */
export interface OptionRow {
  readonly type: "boolean" | "string";
  /** Shown after the name of an option that takes a value. */
  readonly value?: string;
  readonly help: string;
}

/** Something on the command line that is not an option. */
export interface PositionalRow {
  readonly name: string;
  readonly help: string;
}

/** What a command found or did: one document for machines, one text for people. */
export interface Outcome {
  /** False ends with exit code 1: something failed, or was found pending. */
  readonly ok: boolean;
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What a command is given. */
export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The engine this call is about, not started. `store` is enough for a command that reads no secret. */
  engine(needs: "store" | "everything"): Promise<Segno>;
  /** Asks before something is changed. @throws UsageError without a terminal and without `--yes` */
  confirm(question: string): Promise<boolean>;
}

/** One row of the command table: everything `--help` says, and what runs. */
export interface Command {
  /** As it is typed after `segno`. */
  readonly name: string;
  readonly summary: string;
  /** What else a person should know, one line of at most 100 characters each. */
  readonly notes: readonly string[];
  readonly positionals?: readonly PositionalRow[];
  readonly options?: Readonly<Record<string, OptionRow>>;
  readonly example: string;
  /** When it ends with 1. */
  readonly failsWhen: string;
  run(input: CommandInput): Promise<Outcome>;
}

/** Options of every command. */
export const commonOptions: Readonly<Record<string, OptionRow>> = {
  config: { type: "string", value: "FILE", help: "a module that exports the engine as `segno`; else $SEGNO_CONFIG" },
  env: { type: "string", value: "FILE", help: "reads variables from a file first; those already set win" },
  json: { type: "boolean", help: "one JSON document on stdout; logs and progress stay on stderr" },
  yes: { type: "boolean", help: "answers yes; needed where there is no terminal to ask on" },
  help: { type: "boolean", help: "shows this" },
};
