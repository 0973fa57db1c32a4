/** What a contract suite needs of a test runner: vitest, jest and `node:test` all have it. */
export interface ContractRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}
