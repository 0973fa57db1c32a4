import type { Segno } from "@segno/server";
import type { CommandInput } from "./command.js";
import { CommandError } from "./failure.js";
import { refusalOf } from "./migrate/describe.js";

const startedFailure = {
  code: "already_started",
  cause: "The module started the engine while it was loaded, with the work a service does in the background.",
  fix: "Let the module make the engine, and start it where the server is started.",
  docs: "docs/concepts/command-line.md#configuration",
} as const;

/**
 * The engine, able to run verbs and nothing by itself. Migrations are not applied on the way: that is a decision of its own.
 * @param what for whoever has to migrate first, such as `keys`
 */
export async function openEngine({ engine }: CommandInput, what: string): Promise<Segno> {
  const segno = await engine("everything");
  const status = await segno.schema.status();
  const refusal = refusalOf(status);
  if (refusal !== undefined) throw new CommandError(refusal);
  if (status.state === "pending") {
    throw new CommandError({
      code: "schema_pending",
      cause: `${segno.schema.store} lacks migrations, so there are no ${what} to look at.`,
      fix: "segno migrate apply",
      docs: "docs/concepts/command-line.md#migrations",
    });
  }
  try {
    await segno.ready({ background: false });
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(startedFailure);
    throw error;
  }
  return segno;
}
