import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreSource } from "@segno/server";
import { sqlite } from "@segno/server/storage/sql";
import { afterAll, describe, expect, it } from "vitest";
import { storeContract } from "./store-contract.js";

const folder = mkdtempSync(join(tmpdir(), "segno-contract-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

storeContract({ name: "sqlite in memory", create: async () => sqlite(":memory:"), isShared: false }, { describe, it });
storeContract(
  { name: "sqlite in a file", create: async () => sqlite(join(folder, `${randomUUID()}.db`)) },
  { describe, it },
);

/** Runs the suite on a store that was broken on purpose and tells which cases fail. */
async function failuresOf(breakStore: (source: StoreSource) => StoreSource): Promise<readonly string[]> {
  const cases: { name: string; body: () => Promise<void> }[] = [];
  storeContract(
    { name: "broken", create: async () => breakStore(sqlite(join(folder, `${randomUUID()}.db`))) },
    { describe: (_name, body) => body(), it: (name, body) => cases.push({ name, body }) },
  );
  const failed: string[] = [];
  for (const { name, body } of cases) await body().catch(() => failed.push(name));
  return failed;
}

describe("the suite is red for", () => {
  it("R108: transactions that are none", async () => {
    const failed = await failuresOf((source) => ({
      describe: source.describe,
      async open() {
        const store = await source.open();
        return { ...store, transaction: (work) => work(store.db) };
      },
    }));
    expect(failed).toContain("keeps all of a transaction, or nothing");
  });

  it("R108: a session read that forgets a suspension", async () => {
    const failed = await failuresOf((source) => ({
      describe: source.describe,
      async open() {
        const store = await source.open();
        return {
          ...store,
          readSession: async (hash) => {
            const row = await store.readSession(hash);
            return row === undefined ? undefined : { ...row, user_status: "active" };
          },
        };
      },
    }));
    expect(failed).toEqual(["reads a session with its user's status by hash"]);
  });

  it("R108: a second handle on another database", async () => {
    const failed = await failuresOf(() => sqlite(":memory:"));
    expect(failed).toEqual(["migrates an up-to-date schema to itself, and shows both handles the same rows"]);
  });
});
