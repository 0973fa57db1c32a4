import type { MigrationStep, SchemaStatus } from "@segno/server";
import type { Command, Outcome } from "../command.js";
import { CommandError } from "../failure.js";
import type { Terminal } from "../terminal.js";
import { inState, nameOf, refusalOf } from "./describe.js";

export const applyCommand: Command = {
  name: "migrate apply",
  summary: "applies the migrations that are missing",
  notes: [
    "All of them in one transaction: either the database has them all, or it is as it was. Two at once",
    "are safe: one works, the other waits and finds nothing to do. Migrations go forward only.",
  ],
  example: "$ segno migrate apply --yes",
  failsWhen: "it was refused, declined or failed; the database is then as it was",
  async run({ engine, terminal, confirm }) {
    const { schema } = await engine("store");
    const before = await schema.status();
    const refusal = refusalOf(before);
    if (refusal !== undefined) throw new CommandError(refusal);
    const pending = inState(before, "pending");
    if (pending.length === 0) return outcomeOf(schema.store, before, []);
    const names = pending.map(nameOf).join(", ");
    if (!(await confirm(`Apply ${names} to ${schema.store}?`))) {
      return {
        ok: false,
        json: { database: schema.store, state: before.state, applied: [] },
        text: "Nothing applied.",
      };
    }
    const progress = createProgress(terminal);
    try {
      const applied = await schema.apply({ onStep: progress.step });
      return outcomeOf(schema.store, await schema.status(), applied);
    } finally {
      progress.stop();
    }
  },
};

function outcomeOf(database: string, status: SchemaStatus, applied: readonly number[]): Outcome {
  const done = status.migrations.filter(({ number }) => applied.includes(number));
  const text =
    done.length === 0
      ? `${database}: nothing to do, every migration is applied.`
      : `${database}: applied ${done.map(nameOf).join(", ")}.`;
  const json = {
    database,
    state: status.state,
    applied: done.map(({ number, name }) => ({ number, name })),
  };
  return { ok: status.state === "current", json, text };
}

const aliveEveryMs = 10_000;

/** Tells each migration, and that a long statement is still running. */
function createProgress(terminal: Terminal): { step(step: MigrationStep): void; stop(): void } {
  let current: MigrationStep | undefined;
  const startedMs = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    const where = current === undefined ? "waiting for another process" : textOf(current);
    terminal.progress(`${where}, ${seconds} s`);
  }, aliveEveryMs);
  return {
    step(step) {
      const isNext = step.number !== current?.number;
      current = step;
      if (terminal.isInteractive || isNext) terminal.progress(textOf(step));
    },
    stop: () => clearInterval(timer),
  };
}

function textOf(step: MigrationStep): string {
  return `applying ${nameOf(step)}: statement ${step.statement} of ${step.of}`;
}
