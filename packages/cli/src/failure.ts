/** What a person is told when something does not work: one line each. */
export interface Failure {
  /** A `SegnoError` code, or one of ours. */
  readonly code: string;
  readonly cause: string;
  readonly fix: string;
  /** Where to read on. */
  readonly docs: string;
}

/** Ends a command with exit code 1. */
export class CommandError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.cause);
    this.name = "CommandError";
    this.failure = failure;
  }
}

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.name = "UsageError";
    this.fix = fix;
  }
}

const manual = "docs/concepts/command-line.md";

/** What to do, by code. A code that is not here is a fault of the program, not of its surroundings. */
const fixes: Readonly<Record<string, string>> = {
  store_unavailable: "Look whether the database runs and is the right one: segno doctor",
  audit_unavailable: "The audit log is behind. See docs/runbooks/audit-behind.md",
  key_unavailable: "Put the secret the keys were sealed with back into SEGNO_SECRET, then: segno doctor",
  not_found: "Look at what there is: segno keys status",
  conflict: "Somebody else was first. Look at how things are now, and try again if still needed.",
  invalid_input: "Correct what was typed; --help shows how it should look.",
};

/** Anything caught, as something to tell. Never a stack, and only the first line of a message. */
export function failureOf(caught: unknown): Failure {
  if (caught instanceof CommandError) return caught.failure;
  if (caught instanceof UsageError) return { code: "usage", cause: caught.message, fix: caught.fix, docs: manual };
  const faults = faultsOf(caught);
  if (faults !== undefined) return configurationFailure(faults);
  const { name, code, message } = asError(caught);
  if (name === "SegnoError" && typeof code === "string") {
    return {
      code,
      cause: withDriverCode(firstLine(message), caught),
      fix: fixOf(code, message),
      docs: `docs/concepts/errors.md#${code}`,
    };
  }
  return {
    code: "internal",
    cause: firstLine(message) || "Something was thrown that is no error.",
    fix: "If this names a module of yours, correct it there; else please report it with the command you ran.",
    docs: manual,
  };
}

/** The faults of a configuration, where the error is about one. */
export function faultsOf(caught: unknown): readonly string[] | undefined {
  const { faults } = (caught ?? {}) as { readonly faults?: unknown };
  return Array.isArray(faults) && faults.every((fault) => typeof fault === "string") ? faults : undefined;
}

function configurationFailure(faults: readonly string[]): Failure {
  const further = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  return {
    code: "configuration",
    cause: `The configuration is not sound: ${faults[0] ?? ""}${further}`,
    fix: "See all of them, each with its fix: segno doctor",
    docs: "docs/concepts/configuration.md",
  };
}

function fixOf(code: string, message: string): string {
  if (message.includes("newer version"))
    return "Run this command from the version of Segno that the database has seen.";
  if (message.includes("differs")) return "See which one and why that matters: segno migrate status";
  return fixes[code] ?? "Ask the engine what it thinks of its surroundings: segno doctor";
}

function asError(caught: unknown): { readonly name: string; readonly code: unknown; readonly message: string } {
  if (!(caught instanceof Error)) return { name: "", code: undefined, message: String(caught) };
  return { name: caught.name, code: (caught as { readonly code?: unknown }).code, message: caught.message };
}

export function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}

/** The code under a message, such as ECONNREFUSED: it says more than our words and quotes nothing. */
function withDriverCode(message: string, caught: unknown): string {
  const { cause } = caught as { readonly cause?: unknown };
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && /^[A-Z0-9_]{3,40}$/.test(code) ? `${message} (${code})` : message;
}
