// A store that tells of everything asked of it, before and after: to count, to fail, or to die there.
import type { KyselyPlugin } from "kysely";
import type { Db, Store } from "../src/engine.js";
import type { StoreSource } from "../src/storage/index.js";

export interface StoreHooks {
  /** Before a statement runs, with its shape and without its values. Throwing keeps it from running. */
  readonly before?: (shape: () => string) => void;
  /** After it ran. Throwing loses its answer, and inside a transaction rolls back. */
  readonly after?: () => void;
  /** After a transaction committed. Throwing loses the news of it. */
  readonly committed?: () => void;
}

/** The same store, with hooks around builders, prepared queries and the reads that go past both. */
export function watchStore(source: StoreSource, hooks: StoreHooks): StoreSource {
  return { describe: source.describe, open: async (context) => watched(await source.open(context), hooks) };
}

function watched(store: Store, hooks: StoreHooks): Store {
  const around =
    <Input, Output>(name: string, read: (input: Input) => Output | Promise<Output>) =>
    (input: Input): Output | Promise<Output> => {
      hooks.before?.(() => name);
      const answer = read(input);
      if (!(answer instanceof Promise)) {
        hooks.after?.();
        return answer;
      }
      return answer.then((value) => {
        hooks.after?.();
        return value;
      });
    };
  return {
    ...store,
    db: hooked(store.db, hooks),
    transaction: async (work) => {
      const result = await store.transaction((trx) => work(hooked(trx, hooks)));
      hooks.committed?.();
      return result;
    },
    readSession: around("readSession", store.readSession),
    readSessionAccount: around("readSessionAccount", store.readSessionAccount),
    readAccount: around("readAccount", store.readAccount),
    isTokenLive: around("isTokenLive", store.isTokenLive),
  };
}

const withoutValues = (node: unknown) =>
  JSON.stringify(node, (key, value) => (key === "value" || key === "values" ? "?" : value));

/** Plugins see what is built; what was compiled before goes through `executeQuery` alone. */
function hooked(db: Db, hooks: StoreHooks): Db {
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      hooks.before?.(() => withoutValues(node));
      return node;
    },
    transformResult: async ({ result }) => {
      hooks.after?.();
      return result;
    },
  };
  return new Proxy(db.withPlugin(plugin), {
    get(target, property) {
      if (property === "executeQuery") {
        return async (query: Parameters<Db["executeQuery"]>[0]) => {
          hooks.before?.(() => ("sql" in query ? String(query.sql) : "a query"));
          return await target.executeQuery(query);
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
