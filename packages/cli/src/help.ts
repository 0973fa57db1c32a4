import type { Command, OptionRow } from "./command.js";
import { commonOptions } from "./command.js";

const column = 22;

/** Every option of a command, its own first. */
export function optionsOf(command: Command): Readonly<Record<string, OptionRow>> {
  return { ...command.options, ...commonOptions };
}

/** What `segno COMMAND --help` shows. */
export function helpOf(command: Command): string {
  const positionals = command.positionals ?? [];
  const usage = ["segno", command.name, ...positionals.map(({ name }) => name), "[options]"].join(" ");
  const rows = [
    ...positionals.map(({ name, help }) => row(name, help)),
    ...Object.entries(optionsOf(command)).map(([name, option]) =>
      row(`--${name}${option.value === undefined ? "" : ` ${option.value}`}`, option.help),
    ),
  ];
  return [
    `segno ${command.name}: ${command.summary}`,
    "",
    ...command.notes,
    ...(command.notes.length > 0 ? [""] : []),
    `Usage: ${usage}`,
    "",
    ...rows,
    "",
    "Example:",
    ...command.example.split("\n").map((line) => `  ${line}`),
    "",
    "Exit codes:",
    "  0  done",
    `  1  ${command.failsWhen}`,
    "  2  the command line is wrong",
  ].join("\n");
}

/** The same as data, for `--help --json`. */
export function helpData(command: Command): Readonly<Record<string, unknown>> {
  return {
    command: command.name,
    summary: command.summary,
    positionals: command.positionals ?? [],
    options: Object.entries(optionsOf(command)).map(([name, { value, help }]) => ({ name: `--${name}`, value, help })),
    example: command.example,
  };
}

/** What `segno --help` shows. */
export function overview(commands: readonly Command[]): string {
  return [
    "segno: looks after an engine from the command line",
    "",
    ...commands.map(({ name, summary }) => row(name, summary)),
    "",
    "Each takes --help, --json and --config FILE. Without --config the environment (SEGNO_*) says which engine.",
  ].join("\n");
}

function row(name: string, help: string): string {
  return `  ${name.padEnd(column)} ${help}`;
}
