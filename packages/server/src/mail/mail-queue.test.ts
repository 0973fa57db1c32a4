import { createSeededRandom, createVirtualClock } from "@segno/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { MailMessage, MailTransport, Store } from "../engine.js";
import { createIdSource, silentLogger } from "../runtime.js";
import { createSecrets } from "../secrets.js";
import { testDatabases } from "../../test/stores.js";
import { sqlite } from "../storage/index.js";
import { createMailQueue, developmentMailbox } from "./index.js";

const message = (to: string): MailMessage => ({
  to,
  subject: "Sign in",
  text: "Your code: 123456",
  html: "<p>123456</p>",
});
const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

async function open(transport: MailTransport, source = sqlite(":memory:"), sendTimeoutMs?: number) {
  const clock = createVirtualClock();
  const random = createSeededRandom("mail");
  const store = await source.open();
  stores.push(store);
  const secrets = createSecrets([{ version: 1, value: "0123456789abcdefghijklmnopqrstuvwxyz" }], random);
  const hasAccount = async (email: string) => email.startsWith("known");
  const parts = { clock, newId: createIdSource(clock, random), store, secrets, log: silentLogger, hasAccount };
  return { clock, store, parts, queue: createMailQueue(parts, transport, sendTimeoutMs) };
}

describe("mail queue", () => {
  it("sends what was committed, once, in order", async () => {
    const box = developmentMailbox();
    const { queue, store } = await open(box);
    await store.transaction(async (trx) => {
      await queue.enqueue(trx, message("a@example.com"));
      await queue.enqueue(trx, message("b@example.com"));
    });
    expect(await queue.drain()).toBe(2);
    expect(await queue.drain()).toBe(0);
    expect(box.messages().map(({ to }) => to)).toEqual(["a@example.com", "b@example.com"]);
  });
  it("T-115: chooses between two messages when it sends, by whether there is an account", async () => {
    const box = developmentMailbox();
    const { queue, store } = await open(box);
    const otherwise = (to: string) => ({ ...message(to), subject: "otherwise" });
    await store.transaction(async (trx) => {
      for (const to of ["known@example.com", "nobody@example.com"])
        await queue.enqueue(trx, message(to), otherwise(to));
    });
    await queue.drain();
    expect(box.messages().map(({ to, subject }) => [to, subject === "otherwise"])).toEqual([
      ["known@example.com", false],
      ["nobody@example.com", true],
    ]);
  });
  it("sends nothing of a transaction that rolled back", async () => {
    const box = developmentMailbox();
    const { queue, store } = await open(box);
    const failed = store.transaction(async (trx) => {
      await queue.enqueue(trx, message("a@example.com"));
      throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(await queue.drain()).toBe(0);
  });
  it("shows neither address nor code in the table", async () => {
    const { queue, store } = await open(developmentMailbox());
    await store.transaction((trx) => queue.enqueue(trx, message("secret@example.com")));
    const dump = JSON.stringify(await store.db.selectFrom("segno_mail").selectAll().execute());
    expect(dump).not.toMatch(/secret|example|123456|Sign in/);
  });
  it("tries again after 1, 2, 4 seconds and gives up after 12 tries", async () => {
    const seen: number[] = [];
    const { queue, store, clock } = await open({
      send: async () => {
        seen.push(clock.nowMs());
        throw new Error("451");
      },
    });
    await store.transaction((trx) => queue.enqueue(trx, message("a@example.com")));
    for (let second = 0; second < 3600; second += 1) {
      await queue.drain();
      clock.advance({ seconds: 1 });
    }
    const gaps = seen.map((at, index) => (at - (seen[index - 1] ?? at)) / 1000).slice(1);
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(await store.db.selectFrom("segno_mail").selectAll().execute()).toEqual([]);
  });
  it("one bad message does not hold up the others", async () => {
    const sent: string[] = [];
    const { queue, store } = await open({
      send: async ({ to }) => {
        if (to.startsWith("bad")) throw new Error("550");
        sent.push(to);
      },
    });
    await store.transaction(async (trx) => {
      await queue.enqueue(trx, message("bad@example.com"));
      await queue.enqueue(trx, message("good@example.com"));
    });
    expect(await queue.drain()).toBe(1);
    expect(sent).toEqual(["good@example.com"]);
  });
  it("a mail server that never answers holds up neither the others nor, for long, its own message", async () => {
    let isHanging = true;
    const sent: string[] = [];
    const { queue, store, clock } = await open(
      {
        send: async ({ to }) => (to.startsWith("slow") && isHanging ? new Promise<void>(() => {}) : void sent.push(to)),
      },
      sqlite(":memory:"),
      50,
    );
    await store.transaction((trx) => queue.enqueue(trx, message("slow@example.com")));
    const stuck = queue.drain();
    await new Promise((resolve) => setImmediate(resolve));
    await store.transaction((trx) => queue.enqueue(trx, message("quick@example.com")));
    void queue.drain();
    while (sent.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual(["quick@example.com"]);
    await stuck;
    isHanging = false;
    clock.advance({ seconds: 2 });
    expect(await queue.drain()).toBe(1);
    expect(sent).toEqual(["quick@example.com", "slow@example.com"]);
  });
  it("two senders share the work, and a crashed one's message goes out after its lease", async () => {
    const box = developmentMailbox();
    const { queue, store, parts, clock } = await open(box);
    const stuck = createMailQueue(parts, { send: () => new Promise<void>(() => {}) });
    await store.transaction((trx) => queue.enqueue(trx, message("a@example.com")));
    void stuck.drain();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await queue.drain()).toBe(0);
    clock.advance({ seconds: 61 });
    expect(await queue.drain()).toBe(1);
    expect(box.messages()).toHaveLength(1);
  });
});

describe.each(testDatabases)("lanes on $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  it("four messages are under way at once, also where each lane has its own connection", async () => {
    const database = await create();
    const four = Promise.withResolvers<void>();
    let underWay = 0;
    let sent = 0;
    const send = async () => {
      underWay += 1;
      if (underWay === 4) four.resolve();
      await four.promise;
      sent += 1;
    };
    const { queue, store } = await open({ send }, database.source());
    await store.transaction(async (trx) => {
      for (let index = 0; index < 12; index += 1) await queue.enqueue(trx, message(`${index}@example.com`));
    });
    expect(await queue.drain()).toBe(12);
    expect(sent).toBe(12);
    await stores.pop()?.close();
    await database.drop();
  });
});
