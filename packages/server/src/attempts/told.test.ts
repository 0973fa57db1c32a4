// Every refused ceremony is told once, whatever refused it; a flood is told of in bounded space; what nobody finished too.
import { SegnoError } from "@segno/core";
import { createSoftwareAuthenticator, createTestSegno, type TestBrowser, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Node, openNode } from "../../test/engine-kit.js";
import { testDatabases } from "../../test/stores.js";
import { startAttempt, tellAbandoned, tellRefused, tellSummedUp } from "./index.js";
import { eventsOf } from "./tell-abandoned.js";

let test: TestSegno;
beforeEach(async () => {
  test = await createTestSegno();
});
afterEach(() => test.close());

const post = (
  path: string,
  body: unknown,
  { browser = test.browser(), headers = {} }: { browser?: TestBrowser; headers?: Record<string, string> } = {},
) => browser.call<never>(`/v1${path}`, body, { headers });
const failures = async () =>
  (await test.eventsOf("login.failure")).map(({ data, failureClass }) => [data.method, data.reason, failureClass]);

describe("R051: login.failure", () => {
  it("is written once for each refused step, also where no verb was reached", async () => {
    const browser = test.browser();
    await post("/email/verify", { attemptId: "no uuid", code: "123456" }, { browser });
    await post("/email/verify", { attemptId: crypto.randomUUID(), code: "123456" }, { browser });
    await post("/passkeys/sign-in/options", {}, { browser, headers: { origin: "https://evil.example" } });
    await post("/email/link", { token: "x" }, { browser });
    await post("/email/start", { email: "nonsense" }, { browser });
    for (let index = 0; index < 12; index += 1) await post("/email/start", { email: "ada@example.com" }, { browser });
    const told = await failures();
    expect(told.slice(0, 2)).toEqual([
      ["email_code", "attempt_unknown", "expired_link"],
      ["email_link", "attempt_unknown", "expired_link"],
    ]);
    expect(told.slice(2).length).toBeGreaterThan(0);
    expect(new Set(told.slice(2).map(String))).toEqual(new Set(["email_code,rate_limited,rate_limited"]));
  });

  it("names the attempt only when there is one, so that no text of a caller gets into an event", async () => {
    const attemptId = "01234567-89ab-7def-8123-456789abcdef";
    await post("/email/verify", { attemptId, code: "123456" });
    const [event] = await test.eventsOf("login.failure");
    expect(event).toMatchObject({
      subject: null,
      actor: { type: "user", id: null },
      data: { reason: "attempt_unknown" },
    });
    expect(JSON.stringify(event)).not.toContain(attemptId);
  });

  it("tells of a passkey that nobody knows, with its attempt", async () => {
    const browser = test.browser();
    const started = await post("/passkeys/sign-in/options", { autofill: true }, { browser });
    const { publicKey, attemptId }: { publicKey: never; attemptId: string } = started.body;
    const stranger = createSoftwareAuthenticator({ origin: test.origin });
    const { publicKey: elsewhere }: { publicKey: never } = (await post("/passkeys/sign-up/options", {}, { browser }))
      .body;
    await stranger.create(elsewhere);
    await post("/passkeys/sign-in/verify", { attemptId, response: await stranger.get(publicKey) }, { browser });
    const [event] = await test.eventsOf("login.failure");
    expect(event).toMatchObject({ failureClass: "unknown_credential", data: { attemptId, method: "passkey" } });
    const [begun] = await test.eventsOf("attempt.started");
    expect(begun).toMatchObject({ data: { attemptId, method: "passkey", purpose: "sign_in", isAutofill: true } });
  });
});

describe.each(testDatabases)("R032: attempts ($name)", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let node: Node;
  let drop: () => Promise<void>;
  beforeEach(async () => {
    const database = await create();
    node = await openNode(database.source());
    drop = async () => {
      await node.stop();
      await database.drop();
    };
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
  });
  afterEach(() => drop());
  const rows = async (type: string) => {
    const found = await node.engine.store.db.selectFrom("segno_outbox").selectAll().orderBy("id").execute();
    return found
      .filter((row) => row.type === type)
      .map(({ payload }) => JSON.parse(payload) as { data: { count: number } });
  };
  const start = () =>
    node.engine.store.transaction((trx) =>
      startAttempt(node.engine, trx, { kind: "passkey_sign_in", browser: "b" }, { requestId: "r", kind: "user" }),
    );

  it("are told once when nobody finished them, however many nodes look", async () => {
    for (let index = 0; index < 7; index += 1) await start();
    await tellAbandoned(node.engine);
    expect(await rows("attempt.abandoned")).toEqual([]);
    node.clock.advance({ seconds: 601 });
    await Promise.all(Array.from({ length: 20 }, () => tellAbandoned(node.engine)));
    expect(await rows("attempt.started")).toHaveLength(7);
    const told = await rows("attempt.abandoned");
    expect(told.map(({ data }) => data.count)).toEqual(Array.from({ length: 7 }, () => 1));
    expect(told[0]).toMatchObject({ actortype: "system", outcome: "failure", failureclass: "abandoned" });
  });

  it("a flood of refusals costs sixty events a minute for each method and reason, and loses no count", async () => {
    const run = { method: "passkey", actor: { requestId: "r", kind: "user" } } as const;
    const refuse = () => tellRefused(node.engine, run, new SegnoError("rate_limited"));
    for (let index = 0; index < 200; index += 1) await refuse();
    expect(await rows("login.failure")).toHaveLength(60);
    await tellSummedUp(node.engine);
    await tellSummedUp(node.engine);
    const told = await rows("login.failure");
    expect(told).toHaveLength(61);
    expect(told.reduce((sum, { data }) => sum + (data.count ?? 1), 0)).toBe(200);
    node.clock.advance({ seconds: 61 });
    await refuse();
    expect(await rows("login.failure")).toHaveLength(62);
  });
});

it("R032: what a flood left behind is summed up by kind", () => {
  const row = (id: number) => ({ id: String(id), kind: "passkey_sign_in" as const, data: "{}", session_id: null });
  const told = eventsOf(
    Array.from({ length: 500 }, (_, id) => row(id)),
    100,
  );
  expect(told).toHaveLength(101);
  expect(told.at(-1)?.data).toEqual({ method: "passkey", purpose: "sign_in", count: 400 });
});
