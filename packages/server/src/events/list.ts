import { eventSchemaVersions, SegnoError } from "@segno/core";
import type { Db } from "../engine.js";
import { typeFilterOf } from "./filter.js";
import type { EventFilter } from "./sink.js";
import { readOldest, type RowFilter, searchRows, type SequencedRow } from "./store.js";

/** Which events are listed. */
export interface ListOptions {
  /** Only those after this position. */
  readonly afterPosition?: number;
  /** Only those that happened then or later. Milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Only these types, or families of them such as `login.*`. */
  readonly types?: readonly EventFilter[];
  /** Only those about this account. */
  readonly subject?: string;
  /** At most so many, 1 to 1000. Default 100. */
  readonly limit?: number;
}

/** By this much an event may have got its position later than its time says. */
const disorderMs = 60_000;

/** Without a place to begin, the newest. Oldest first either way. */
export async function listRows(
  db: Db,
  options: ListOptions,
  head: number,
): Promise<{ readonly rows: readonly SequencedRow[]; readonly position: number }> {
  const { afterPosition, sinceMs, limit = 100 } = options;
  check(options);
  const filter: RowFilter = { types: namesOf(options.types), subject: options.subject, sinceMs };
  if (afterPosition === undefined && sinceMs === undefined) {
    const newest = await searchRows(db, { ...filter, after: 0, limit, isNewestFirst: true });
    return { rows: newest.toReversed(), position: head };
  }
  const after = afterPosition ?? (await findPosition(db, sinceMs ?? 0, head)) - 1;
  const rows = await searchRows(db, { ...filter, after, limit, isNewestFirst: false });
  return { rows, position: rows.length < limit ? Math.max(head, after) : (rows.at(-1)?.position ?? after) };
}

function namesOf(types: readonly EventFilter[] | undefined): readonly string[] | undefined {
  if (types === undefined) return undefined;
  const unknown = types.find((each) => !Object.keys(eventSchemaVersions).some(typeFilterOf([each])));
  if (unknown !== undefined || types.length === 0)
    throw new SegnoError("invalid_input", "types must name events, or families of them such as login.*.");
  return Object.keys(eventSchemaVersions).filter(typeFilterOf(types));
}

function check({ afterPosition, sinceMs, types, subject, limit = 1 }: ListOptions): void {
  const wrong = (what: string) => new SegnoError("invalid_input", what);
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
    throw wrong("limit must be a whole number between 1 and 1000.");
  for (const [name, value] of Object.entries({ afterPosition, sinceMs })) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) throw wrong(`${name} must be a number from 0.`);
  }
  if (
    types !== undefined &&
    !(Array.isArray(types) && types.length <= 100 && types.every((each) => typeof each === "string"))
  )
    throw wrong("types must be a list of types of events.");
  if (subject !== undefined && typeof subject !== "string") throw wrong("subject must be the id of an account.");
}

/** The first position that may hold an event of that time or later. Positions follow time but for a little disorder. */
export async function findPosition(db: Db, sinceMs: number, head: number): Promise<number> {
  const target = sinceMs - disorderMs;
  let low = (await readOldest(db, 0))?.position ?? head + 1;
  let high = head + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = await readOldest(db, middle);
    if (row === undefined || row.created_at >= target) high = middle;
    else low = row.position + 1;
  }
  return low;
}
