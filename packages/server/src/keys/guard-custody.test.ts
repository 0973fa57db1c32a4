import { isSegnoError, SegnoError } from "@segno/core";
import { createVirtualClock, type VirtualClock } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createVaultDouble, type VaultDouble } from "../../test/vault-double.js";
import { createObserver } from "../observability/index.js";
import type { KeyCustody } from "./custody.js";
import { type GuardedCustody, guardCustody, maxInFlight, maxWaiting } from "./guard-custody.js";

const context = { purpose: "access_token", kid: "k" } as const;
const none = new AbortController().signal;

describe("the guard around a custody", () => {
  let clock: VirtualClock;
  let vault: VaultDouble;
  let guarded: GuardedCustody;
  let told: string[];
  let seen: string[];

  function guard(custody: KeyCustody, timeoutMs = 60): GuardedCustody {
    return guardCustody(custody, {
      clock,
      timeoutMs,
      observer: createObserver([
        {
          finally: ({ operation, attributes }, { outcome }) =>
            void seen.push(`${operation} ${outcome} ${String(attributes["custody"])}`),
        },
      ]),
      onFailed: ({ call, fault, failures }) => void told.push(`failed ${call} ${fault} ${failures}`),
      onRecovered: ({ downMs }) => void told.push(`recovered ${downMs}`),
    });
  }
  const wrapped = () => {
    const { custody } = guarded;
    if (custody.mode !== "wrapped") throw new Error("wrapped");
    return custody;
  };
  const wrap = () => wrapped().wrap(new Uint8Array(8), context, none);
  const errorOf = async (work: Promise<unknown>): Promise<SegnoError | undefined> => {
    const caught: unknown = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    return caught instanceof SegnoError ? caught : undefined;
  };

  beforeEach(() => {
    clock = createVirtualClock();
    vault = createVaultDouble();
    told = [];
    seen = [];
    guarded = guard(vault.wrapped);
  });
  afterEach(async () => await guarded.stop());

  it("passes answers through, and each call is an operation that telemetry sees", async () => {
    const text = await wrap();
    expect(await wrapped().unwrap(text, context, none)).toHaveLength(8);
    expect(seen).toEqual(["custody.wrap success double:wrapped", "custody.unwrap success double:wrapped"]);
    expect(guarded.isFailing()).toBe(false);
  });

  it("F2: hundreds of callers of a vault that hangs: few calls under way, every one ends in time, then at once", async () => {
    vault.state = "hanging";
    const startedMs = performance.now();
    const errors = await Promise.all(Array.from({ length: 600 }, () => errorOf(wrap())));
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    expect(errors.every((error) => isSegnoError(error, "key_unavailable"))).toBe(true);
    expect(errors.every((error) => (error?.retryAfterSeconds ?? 0) > 0)).toBe(true);
    expect(vault.mostInFlight).toBeLessThanOrEqual(maxInFlight);
    expect(errors.filter((error) => error?.message.includes("Too many"))).toHaveLength(600 - maxInFlight - maxWaiting);
    expect(guarded.isFailing()).toBe(true);
    expect(vault.inFlight).toBe(0);
    const asked = vault.calls.wrap;
    for (let index = 0; index < 100; index += 1) expect(await errorOf(wrap())).toBeDefined();
    expect(vault.calls.wrap).toBe(asked);
    expect(told).toHaveLength(1);
  });

  it("F1: while it is down one call in two seconds asks, and the first that is answered ends the outage", async () => {
    vault.state = "down";
    for (let index = 0; index < 3; index += 1) await errorOf(wrap());
    // what was refused three times is an outage only when the vault itself does not answer either
    await new Promise((resolve) => setImmediate(resolve));
    expect(guarded.isFailing()).toBe(true);
    expect(told).toEqual(["failed check refused 4"]);
    const before = vault.calls.wrap;
    for (let step = 0; step < 100; step += 1) {
      clock.advance({ milliseconds: 100 });
      await errorOf(wrap());
    }
    expect(vault.calls.wrap - before).toBe(5);
    vault.state = "up";
    clock.advance({ milliseconds: 1_900 });
    await errorOf(wrap());
    clock.advance({ milliseconds: 100 });
    expect(await wrap()).toContain("double:");
    expect(guarded.isFailing()).toBe(false);
    expect(told[1]).toMatch(/^recovered 12\d00$/);
    expect(await wrap()).toContain("double:");
  });

  it("one key that does not open is no outage: the vault answers for others", async () => {
    const good = await wrap();
    for (let index = 0; index < 20; index += 1)
      expect(await errorOf(wrapped().unwrap("double:x", context, none))).toBeDefined();
    await new Promise((resolve) => setImmediate(resolve));
    expect(guarded.isFailing()).toBe(false);
    expect(await wrapped().unwrap(good, context, none)).toHaveLength(8);
    expect(told).toEqual([]);
  });

  it("a clock set back by two hours does not keep the breaker open", async () => {
    vault.state = "hanging";
    for (let index = 0; index < 3; index += 1) await errorOf(wrap());
    expect(guarded.isFailing()).toBe(true);
    clock.set(clock.nowMs() - 7_200_000);
    vault.state = "up";
    expect(await wrap()).toContain("double:");
    expect(told[1]).toBe("recovered 0");
  });

  it("a custody that heeds no signal and never answers is given up, and its places come back", async () => {
    let answers: (() => void)[] = [];
    const deaf: KeyCustody = {
      ...vault.wrapped,
      wrap: () => new Promise((resolve) => answers.push(() => resolve("double:late"))),
      check: async () => {},
    };
    guarded = guard(deaf, 20);
    await Promise.all(Array.from({ length: maxInFlight }, () => errorOf(wrap())));
    expect(answers).toHaveLength(maxInFlight);
    clock.advance({ seconds: 2 });
    await expect
      .poll(
        async () => {
          clock.advance({ seconds: 2 });
          await errorOf(wrap());
          return answers.length;
        },
        { timeout: 5_000 },
      )
      .toBeGreaterThan(maxInFlight);
    for (const answer of answers) answer();
    answers = [];
  });

  it("a custody that throws, answers with undefined or rejects with nothing harms nobody", async () => {
    for (const odd of [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(undefined),
    ] as unknown as (typeof vault.wrapped.wrap)[]) {
      guarded = guard({ ...vault.wrapped, wrap: odd });
      expect(await errorOf(wrap())).toMatchObject({ code: "key_unavailable" });
    }
  });
});
