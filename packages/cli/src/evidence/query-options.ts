import type { AuditQuery } from "@segno/server";
import type { CommandInput, OptionRow } from "../command.js";
import { UsageError } from "../failure.js";

/** Options that say which entries of the audit log are wanted. */
export const queryOptions: Readonly<Record<string, OptionRow>> = {
  subject: { type: "string", value: "ID", help: "about this user" },
  actor: { type: "string", value: "ID", help: "done by this user or client" },
  type: { type: "string", value: "TYPE", help: "an event type, or a family such as consent.*" },
  since: { type: "string", value: "TIME", help: "at or after this time: 2026-11-20T00:00:00Z" },
  until: { type: "string", value: "TIME", help: "before this time" },
};

const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/** @throws UsageError for a time without its offset, or a type that could be none */
export function readQuery(values: CommandInput["values"]): AuditQuery {
  const text = (name: string): string | undefined => {
    const given = values[name];
    return typeof given === "string" ? given : undefined;
  };
  const time = (name: string): number | undefined => {
    const given = text(name);
    const ms = given !== undefined && isoTime.test(given) ? Date.parse(given) : Number.NaN;
    if (given !== undefined && Number.isNaN(ms))
      throw new UsageError(
        `--${name} "${given}" is no time with an offset.`,
        `Give one: --${name} 2026-11-20T00:00:00Z`,
      );
    return given === undefined ? undefined : ms;
  };
  const [subject, actor, type, sinceMs, untilMs] = [
    text("subject"),
    text("actor"),
    text("type"),
    time("since"),
    time("until"),
  ];
  if (type !== undefined && !/^[a-z_]+(\.[a-z_]+)*(\.\*)?$/.test(type))
    throw new UsageError(`--type "${type}" is no event type.`, "Give one such as login.success, or a family: login.*");
  return {
    ...(subject === undefined ? {} : { subject }),
    ...(actor === undefined ? {} : { actor }),
    ...(type === undefined ? {} : { type }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}
