import type { Compilable, CompiledQuery, DatabaseConnection } from "kysely";
import type { Db } from "../engine.js";

/** Stands for a value that is known when the query runs. */
class Slot {
  readonly name: PropertyKey;
  constructor(name: PropertyKey) {
    this.name = name;
  }
}

type SlotOf<Input> = <Name extends keyof Input>(name: Name) => Input[Name];

/**
 * A query that is built and compiled once per dialect, for the paths where building costs more than running it.
 * @param build writes the query with `slot("name")` wherever a value of the input goes; every call of it must give the same query
 * @example
 * ```ts
 * const nameOf = prepared((db, slot: SlotOf<{ id: string }>) => db.selectFrom("segno_users").select("display_name").where("id", "=", slot("id")));
 * const rows = await nameOf(engine.store.db, { id });
 * ```
 */
export function prepared<Input extends object, Row>(
  build: (db: Db, slot: SlotOf<Input>) => Compilable<Row>,
): (db: Db, input: Input) => Promise<Row[]> {
  const compiled = new WeakMap<object, CompiledQuery<Row>>();
  return async (db, input) => {
    const { adapter } = db.getExecutor();
    let query = compiled.get(adapter);
    if (query === undefined) {
      // a slot travels through the builder as an opaque value, and comes back out among the parameters
      query = build(db, ((name: keyof Input) => new Slot(name)) as unknown as SlotOf<Input>).compile();
      compiled.set(adapter, query);
    }
    const values = input as Readonly<Record<PropertyKey, unknown>>;
    const parameters = query.parameters.map((value) => (value instanceof Slot ? values[value.name] : value));
    const run = { ...query, parameters };
    const connection = db.isTransaction ? await connectionOf(db) : undefined;
    const { rows } = await (connection?.executeQuery<Row>(run) ?? db.executeQuery<Row>(run));
    return rows;
  };
}

const connections = new WeakMap<object, DatabaseConnection>();

/** The one connection of a transaction, past the builder's layers. With plugins there is none: they must see the query. */
async function connectionOf(db: Db): Promise<DatabaseConnection | undefined> {
  const executor = db.getExecutor();
  const known = connections.get(executor);
  if (known !== undefined || executor.plugins.length > 0) return known;
  const connection = await executor.provideConnection(async (held) => held);
  connections.set(executor, connection);
  return connection;
}
export type { SlotOf };
