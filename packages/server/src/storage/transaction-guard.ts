import { AsyncLocalStorage } from "node:async_hooks";

interface Scope {
  readonly owner: object;
  isOpen: boolean;
}
const scopes = new AsyncLocalStorage<Scope>();

/** Marks everything `work` does as being inside a transaction of `owner`. */
export async function insideTransaction<Result>(owner: object, work: () => Promise<Result>): Promise<Result> {
  const scope: Scope = { owner, isOpen: true };
  try {
    return await scopes.run(scope, work);
  } finally {
    scope.isOpen = false;
  }
}

/**
 * Refuses to take a second connection inside a transaction: with a pool of one it would wait for itself for ever.
 * @throws TypeError naming the fault, so that it shows in the first test that does it
 */
export function refuseInsideTransaction(owner: object): void {
  const scope = scopes.getStore();
  if (scope?.isOpen === true && scope.owner === owner) {
    throw new TypeError("A query inside a transaction must use the transaction's own handle, not the store's.");
  }
}
