import fc from "fast-check";
import { expect, it } from "vitest";
import { createLeaseLocks, createLocks } from "./locks.js";

/** localStorage of one browser; every access may be followed by another tab's turn. */
function sharedStorage() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

it("the lease in localStorage lets one tab in at a time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5), { minLength: 2, maxLength: 6 }), async (delays) => {
      const storage = sharedStorage();
      let inside = 0;
      await Promise.all(
        delays.map(async (delay) => {
          await turns(delay);
          await createLeaseLocks(storage, () => turns(2)).run("x", async () => {
            inside += 1;
            expect(inside).toBe(1);
            await turns(1);
            inside -= 1;
          });
        }),
      );
      expect(storage.getItem("segno.lock.x")).toBeNull();
    }),
    { numRuns: 30 },
  );
});

it("takes over the lease of a tab that died", async () => {
  const storage = sharedStorage();
  storage.setItem("segno.lock.x", `dead|${Date.now() - 1}`);
  expect(await createLeaseLocks(storage, () => turns(1)).run("x", async () => "in")).toBe("in");
});

it("without any storage, one page still goes in order", async () => {
  const locks = createLeaseLocks(undefined);
  const order: string[] = [];
  await Promise.all(
    ["a", "b"].map((name) =>
      locks.run("x", async ({ hadToWait }) => {
        await turns(1);
        order.push(`${name}${hadToWait}`);
      }),
    ),
  );
  expect(order).toEqual(["afalse", "btrue"]);
});

it("uses Web Locks where they exist, and hands errors through", async () => {
  const locks = createLocks();
  await expect(locks.run("x", () => Promise.reject(new Error("boom")))).rejects.toThrow("boom");
  const seen = await Promise.all([
    locks.run("x", async (lock) => lock.hadToWait),
    locks.run("x", async (lock) => lock.hadToWait),
  ]);
  expect(new Set(seen)).toEqual(new Set([false, true]));
});
