/** What a contract suite needs of a test runner: vitest, jest and `node:test` all have it. */
export interface ContractRunner {
  /** Groups cases. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** One case. */
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}
