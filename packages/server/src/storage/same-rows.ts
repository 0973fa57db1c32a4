import type { StatementSync } from "node:sqlite";

type SqlValue = ReturnType<StatementSync["get"]> extends Record<string, infer Value> | undefined ? Value : never;

interface Remembered<Row> {
  readonly values: readonly SqlValue[];
  readonly row: Row;
}

const maxRemembered = 10_000;

/**
 * Reads one row by one key, each time from the database, and answers with the object from before when every value is
 * still the same: comparing costs less than making the object, and what was made of it stays at hand.
 * @param columns names of the statement's columns, in its order
 */
export function readSameRow<Row extends object>(
  statement: StatementSync,
  columns: readonly (keyof Row & string)[],
): (key: string) => Row | undefined {
  const remembered = new Map<string, Remembered<Row>>();
  // who came when: asking the map for its first key walks over everything that was deleted before it
  const arrivals: string[] = [];
  let oldest = 0;
  const arrive = (key: string): void => {
    if (arrivals.length >= maxRemembered) remembered.delete(arrivals[oldest] ?? "");
    arrivals[oldest] = key;
    oldest = (oldest + 1) % maxRemembered;
  };
  statement.setReturnArrays(true);
  return (key) => {
    const values = statement.get(key) as readonly SqlValue[] | undefined;
    if (values === undefined) {
      remembered.delete(key);
      return undefined;
    }
    const before = remembered.get(key);
    if (before !== undefined && isSame(before.values, values)) return before.row;
    const row = Object.freeze(Object.fromEntries(columns.map((name, index) => [name, values[index]]))) as Row;
    if (before === undefined) arrive(key);
    remembered.set(key, { values, row });
    return row;
  };
}

function isSame(before: readonly SqlValue[], now: readonly SqlValue[]): boolean {
  for (let index = 0; index < now.length; index += 1) if (before[index] !== now[index]) return false;
  return true;
}
