import { createRemoteKeySet, verifySecurityEvent } from "@segno/core";
import { createVirtualClock } from "@segno/testing";
import { decodeJwt } from "jose";
import { afterEach, expect, it, vi } from "vitest";
import { runDocsBlock } from "../../test/docs-block.js";
import { addSession, addUser, secretOne } from "../../test/engine-kit.js";
import { noReceiver, startHttpsReceiver } from "../../test/https-receiver.js";
import { compose, type Running } from "../composition.js";
import type { SegnoOptions } from "../config.js";
import { resolveOptions } from "../resolve-config.js";
import { silentLogger } from "../runtime.js";
import { sqlite } from "../storage/sql.js";
import { suspendUser } from "../users/index.js";

const page = "concepts/shared-signals.md";

afterEach(() => {
  vi.unstubAllEnvs();
});

it.skipIf(noReceiver !== undefined)("works as the documentation shows it, at both ends", async () => {
  vi.stubEnv("PARTNER_A_TOKEN", "a-token-of-partner-a-0123456789abcdef");
  vi.stubEnv("PARTNER_B_TOKEN", "a-token-of-partner-b-0123456789abcdef");
  const receiver = await startHttpsReceiver();
  const clock = createVirtualClock(1_900_000_000_000);
  const running: Running[] = [];
  const open = async (options: SegnoOptions, more: Partial<SegnoOptions>): Promise<Running> => {
    const base = {
      clock,
      logger: silentLogger,
      production: false,
      database: sqlite(":memory:"),
      secret: `1:${secretOne}`,
    };
    const resolved = resolveOptions({ ...options, ...base, ...more }, {});
    expect(resolved.faults).toEqual([]);
    const engine = await compose(resolved);
    running.push(engine);
    return engine;
  };
  const shown = async (name: string): Promise<Readonly<Record<string, unknown>>> =>
    await runDocsBlock(page, name, { "@segno/server": { createSegno: (options: SegnoOptions) => options } });
  try {
    const sending = (await shown("transmitter.ts"))["segno"] as SegnoOptions;
    const receiving = await shown("receiver.ts");
    const streams = { ...sending.sharedSignals?.streams };
    const stream = streams["partner-a"];
    if (stream?.delivery.method !== "push") expect.fail("no push stream");
    const { pathname } = new URL(stream.delivery.url);
    const url = `${receiver.url}${pathname}`;
    streams["partner-a"] = {
      ...stream,
      delivery: { ...stream.delivery, url, allowAddresses: ["127.0.0.1"], ca: receiver.ca },
    };
    const idp = await open(sending, { sharedSignals: { streams } });
    const fetch: typeof globalThis.fetch = async (input, init) => await idp.handler(new Request(input, init));
    const app = await open(receiving["segno"] as SegnoOptions, { fetch });
    const posted: string[] = [];
    receiver.answerWith(({ headers, body }) => (response) => {
      posted.push(body);
      const { authorization = "", "content-type": type = "" } = headers;
      const request = new Request(`https://app.example.com${pathname}`, {
        method: "POST",
        headers: { authorization, "content-type": type },
        body,
      });
      void app.handler(request).then((answer) => response.writeHead(answer.status).end());
    });
    const there = await addUser(idp.engine);
    const { session } = await addSession(app.engine);
    (receiving["link"] as (sub: string, userId: string) => void)(there, session.user_id);
    await suspendUser(idp.engine, there, { requestId: "test" });
    await idp.events.drain();
    const rows = app.engine.store.db.selectFrom("segno_users").select("status").where("id", "=", session.user_id);
    expect((await rows.executeTakeFirstOrThrow()).status).toBe("suspended");
    const { take } = (await runDocsBlock(page, "verify.ts", {
      "@segno/core": {
        createRemoteKeySet: (options: { url: string }) => createRemoteKeySet({ ...options, fetch, clock }),
        verifySecurityEvent,
      },
    })) as { take: (token: string, nowSeconds: number) => Promise<string> };
    const [token = ""] = posted;
    expect(await take(token, clock.nowMs() / 1000)).toBe(
      `${decodeJwt(token).jti ?? ""} https://schemas.openid.net/secevent/risc/event-type/account-disabled`,
    );
    const polled = await idp.handler(
      new Request("https://idp.example.com/api/auth/v1/ssf/poll/partner-b", {
        method: "POST",
        headers: { authorization: "Bearer a-token-of-partner-b-0123456789abcdef", "content-type": "application/json" },
        body: "{}",
      }),
    );
    expect(Object.keys(((await polled.json()) as { sets: object }).sets)).toHaveLength(1);
  } finally {
    await Promise.all(running.map((engine) => engine.stop()));
    await receiver.stop();
  }
});
