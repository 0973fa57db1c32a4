import process from "node:process";
import { parseArgs } from "node:util";
import type { Segno } from "@segno/server";
import type { Command, CommandInput, Outcome } from "./command.js";
import { commands } from "./commands.js";
import { CommandError, failureOf, UsageError } from "./failure.js";
import { helpData, helpOf, optionsOf, overview } from "./help.js";
import { engineFromEnvironment, engineFromModule } from "./load-engine.js";
import type { Terminal } from "./terminal.js";
import { version } from "./version.js";

/** Runs one command line. @returns the exit code: 0 done, 1 failed or found pending, 2 the command line is wrong */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const isJson = args.includes("--json");
  const print = (json: object, text: string) => terminal.answer(isJson ? JSON.stringify(json, null, 2) : text);
  let name: string | undefined;
  try {
    const command = findCommand(args);
    if (command === undefined) return printGeneral(args, print);
    name = command.name;
    const { values, positionals } = parse(command, args);
    if (values["help"] === true) {
      print(helpData(command), helpOf(command));
      return 0;
    }
    requirePositionals(command, positionals);
    const outcome = await runCommand(command, { values, positionals, terminal });
    print({ command: command.name, ok: outcome.ok, ...outcome.json }, outcome.text);
    return outcome.ok ? 0 : 1;
  } catch (error) {
    const failure = failureOf(error);
    if (isJson) terminal.answer(JSON.stringify({ command: name ?? null, ok: false, error: failure }, null, 2));
    else terminal.note(`segno: ${failure.cause}\n  fix:  ${failure.fix}\n  docs: ${failure.docs}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function printGeneral(args: readonly string[], print: (json: object, text: string) => void): number {
  if (args.includes("--version")) {
    print({ version: version() }, version());
    return 0;
  }
  if (args.includes("--help")) {
    print({ commands: commands.map(helpData) }, overview(commands));
    return 0;
  }
  const words = args.filter((arg) => !arg.startsWith("-"));
  const what = words.length === 0 ? "No command was given." : `There is no command "${words.slice(0, 2).join(" ")}".`;
  throw new UsageError(what, "See what there is: segno --help");
}

/** The command is what the line begins with: options come after it. */
function findCommand(args: readonly string[]): Command | undefined {
  return commands.find(({ name }) => name.split(" ").every((word, index) => args[index] === word));
}

type Parsed = Pick<CommandInput, "values" | "positionals">;

function parse(command: Command, args: readonly string[]): Parsed {
  try {
    const given = args.slice(command.name.split(" ").length);
    const kids = command.positionals === undefined ? [] : given.filter(isKidLikeAnOption);
    const { values, positionals } = parseArgs({
      args: given.filter((arg) => !kids.includes(arg)),
      options: Object.fromEntries(Object.entries(optionsOf(command)).map(([name, { type }]) => [name, { type }])),
      allowPositionals: true,
      strict: true,
    });
    return { values: values as Parsed["values"], positionals: [...positionals, ...kids] };
  } catch (error) {
    const [sentence = ""] = failureOf(error).cause.split(". ");
    throw new UsageError(`${sentence.replace(/\.$/, "")}.`, `See what it takes: segno ${command.name} --help`);
  }
}

/** A key id is a SHA-256 in base64url (RFC 7638): one in 64 begins like an option. */
const isKidLikeAnOption = (arg: string) => /^-[A-Za-z0-9_-]{42}$/.test(arg);

function requirePositionals(command: Command, given: readonly string[]): void {
  const wanted = command.positionals ?? [];
  const fix = `See what it takes: segno ${command.name} --help`;
  const missing = wanted[given.length];
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing.`, fix);
  if (given.length > wanted.length) throw new UsageError(`"${given[wanted.length]}" is too much.`, fix);
}

async function runCommand(command: Command, input: Parsed & { readonly terminal: Terminal }): Promise<Outcome> {
  const { values, positionals, terminal } = input;
  const opened: Segno[] = [];
  loadVariables(values["env"]);
  // once for a whole shell, as in a runbook
  const named = process.env["SEGNO_CONFIG"];
  const given = values["config"] === undefined && named ? { ...values, config: named } : values;
  try {
    return await command.run({
      values: given,
      positionals,
      terminal,
      environment: process.env,
      async engine(needs) {
        const { config } = given;
        const engine =
          typeof config === "string" ? await engineFromModule(config) : await engineFromEnvironment(needs, terminal);
        opened.push(engine);
        return engine;
      },
      confirm: (question) => confirm(terminal, values["yes"] === true, question),
    });
  } finally {
    for (const engine of opened) await engine.close();
  }
}

function loadVariables(file: unknown): void {
  if (typeof file !== "string") return;
  try {
    process.loadEnvFile(file);
  } catch {
    throw new CommandError({
      code: "env_file",
      cause: `${file} cannot be read.`,
      fix: "Give a file of lines like NAME=value: --env .env",
      docs: "docs/concepts/command-line.md#configuration",
    });
  }
}

async function confirm(terminal: Terminal, isYes: boolean, question: string): Promise<boolean> {
  if (isYes) return true;
  if (!terminal.isInteractive)
    throw new UsageError("This changes something, and there is no terminal to ask on.", "Say it is meant: --yes");
  return /^y(es)?$/i.test((await terminal.ask(`${question} [y/N] `)).trim());
}
