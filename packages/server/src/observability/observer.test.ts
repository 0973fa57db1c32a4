import type { CommittedEvent, OperationContext, TelemetryHook } from "@segno/core";
import { describe, expect, it } from "vitest";
import type { Db, NewEvent, Store } from "../engine.js";
import { asCounting } from "./counting.js";
import { createObserver } from "./observer.js";

const event: NewEvent = { type: "user.created", data: { method: "passkey" } };

/** A store whose transactions run as often as asked, and then fail or do not. */
function storeOf(runs: number, fails = false): Store {
  const transaction = async <Result>(work: (trx: Db) => Promise<Result>): Promise<Result> => {
    let result: Result | undefined;
    for (let run = 0; run < runs; run += 1) result = await work({} as Db);
    if (fails) throw new Error("rolled back");
    return result as Result;
  };
  return { transaction } as unknown as Store;
}

function listen() {
  const committed: CommittedEvent[] = [];
  const begun: OperationContext[] = [];
  const hook: TelemetryHook = {
    event: (told) => void committed.push(told),
    before: (context) => void begun.push(context),
    traceparentOf: ({ operation }) => `trace of ${operation}`,
  };
  return { committed, begun, observer: createObserver([hook]) };
}

describe("the observer", () => {
  it("tells an event once its transaction committed, once, however often it ran", async () => {
    const { committed, observer } = listen();
    await observer.store(storeOf(3)).transaction(async (trx) => {
      observer.wrote(trx, event);
      expect(committed).toEqual([]);
    });
    expect(committed).toEqual([event]);
  });

  it("tells of nothing that was rolled back", async () => {
    const { committed, observer } = listen();
    const lost = observer.store(storeOf(1, true)).transaction(async (trx) => observer.wrote(trx, event));
    await expect(lost).rejects.toThrow("rolled back");
    expect(committed).toEqual([]);
  });

  it("R052: tells those who only count the same, once committed and never of what was rolled back", async () => {
    const committed: CommittedEvent[] = [];
    const ended: string[] = [];
    const hook = asCounting<TelemetryHook>({
      event: (told) => void committed.push(told),
      finally: ({ operation }, { outcome }) => void ended.push(`${operation} ${outcome}`),
    });
    const observer = createObserver([hook]);
    const write = (runs: number, fails = false) =>
      observer.store(storeOf(runs, fails)).transaction(async (trx) => {
        observer.wrote(trx, event);
        return committed.length;
      });
    const both = await Promise.all([write(3), write(1)]);
    expect(both).toEqual([0, 0]);
    await expect(write(2, true)).rejects.toThrow("rolled back");
    expect(committed).toEqual([event, event]);
    expect(ended.toSorted()).toEqual([
      "store.transaction failure",
      "store.transaction success",
      "store.transaction success",
    ]);
    expect(observer.traceparent()).toBeUndefined();
  });

  it("keeps requests that run at the same time apart", async () => {
    const { begun, observer } = listen();
    const store = observer.store(storeOf(1));
    const request = (requestId: string) =>
      observer.request({ operation: "http.x", requestId, attributes: {} }, async () => {
        await Promise.resolve();
        return await store.transaction(async () => {
          await new Promise((resolve) => setImmediate(resolve));
          return await observer.step("key.sign", {}, async () => observer.traceparent());
        });
      });
    const ids = Array.from({ length: 50 }, (_, index) => `r-${index}`);
    expect(new Set(await Promise.all(ids.map(request)))).toEqual(new Set(["trace of key.sign"]));
    const signs = begun.filter(({ operation }) => operation === "key.sign");
    expect(signs.map(({ requestId }) => requestId).toSorted()).toEqual(ids.toSorted());
    for (const { requestId, parent } of signs) {
      expect(parent).toMatchObject({ operation: "store.transaction", requestId });
      expect(parent?.parent).toMatchObject({ operation: "http.x", requestId });
    }
  });

  it("R052: hooks that throw or reject change nothing, and without hooks there is nothing between", async () => {
    const faulty: TelemetryHook = {
      event: () => Promise.reject(new Error("hook")),
      traceparentOf: () => {
        throw new Error("hook");
      },
    };
    const observer = createObserver([faulty]);
    expect(await observer.step("x", {}, async () => observer.traceparent())).toBeUndefined();
    await observer.store(storeOf(1)).transaction(async (trx) => observer.wrote(trx, event));
    const bare = storeOf(1);
    expect(createObserver([]).store(bare)).toBe(bare);
  });
});
