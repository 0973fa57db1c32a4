import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVirtualClock } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSegno, type Segno, type SegnoOptions, silentLogger } from "./index.js";
import { sqlite } from "./storage/index.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
let folder: string;
let file: string;
const engines: Segno[] = [];
const engine = (further: SegnoOptions = {}): Segno => {
  const segno = createSegno({
    baseUrl: "https://app.example.com",
    secret,
    clientIp: { source: "socket" },
    production: false,
    logger: silentLogger,
    database: file,
    ...further,
  });
  engines.push(segno);
  return segno;
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-inspect-"));
  file = join(folder, "segno.db");
});
afterEach(async () => {
  for (const segno of engines.splice(0)) await segno.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("inspect", () => {
  it("tells how the configuration is understood, and no secret", async () => {
    const found = await engine().inspect();
    expect(found.configuration).toMatchObject({
      baseUrl: "https://app.example.com",
      isSecure: true,
      cookies: { session: "__Host-segno.sid", sameSite: "Lax" },
      rateLimit: true,
      passkey: { rpId: "app.example.com", origins: ["https://app.example.com"] },
      secrets: [{ version: 1 }],
      mailbox: true,
    });
    expect(JSON.stringify(found)).not.toContain("0123456789");
  });

  it("judges a secret by its characters", async () => {
    const [random] = (await engine({ secret: "1:9sLw2vNq7XtRb4KzYd8mHc3PfGj6UaEo" }).inspect()).configuration.secrets;
    const [dull] = (await engine({ secret: "1:aaaaaaaaaaaaaaaaaaaaaaaaaabcdefgh" }).inspect()).configuration.secrets;
    expect(random?.bits).toBeGreaterThan(128);
    expect(dull?.bits).toBeLessThan(96);
  });

  it("makes no key; where there are keys, opens each", async () => {
    const looking = engine({ migrations: "check" });
    await looking.schema.apply();
    expect((await looking.inspect()).keys).toEqual({ status: "failed", isOutage: false, keys: [] });
    const store = await sqlite(file).open();
    expect(await store.db.selectFrom("segno_keys").selectAll().execute()).toEqual([]);
    await store.close();
    await engine().ready();
    const { keys } = await looking.inspect();
    expect(keys?.status).toBe("ok");
    expect(keys?.keys.map(({ state, opens }) => `${state} ${opens}`).toSorted()).toEqual([
      "published true",
      "signing true",
    ]);
    const stranger = engine({ secret: "1:another-secret-9876543210-zyxwvutsrqponm" });
    expect((await stranger.inspect()).keys?.status).toBe("failed");
  });

  it("says why a store does not answer, without its password", async () => {
    const found = await engine({ database: "postgres://user:hunter2secret@127.0.0.1:1/none" }).inspect();
    expect(found.store).toMatchObject({ dialect: null, schema: null, fault: expect.stringContaining("ECONNREFUSED") });
    expect(found.keys).toBeNull();
    expect(JSON.stringify(found)).not.toContain("hunter2secret");
  });

  it.each([
    [{ source: "socket" }, { forwarded: "203.0.113.9" }, "127.0.0.1", false],
    [{ source: "socket" }, { peer: "198.51.100.7" }, "198.51.100.7", false],
    [
      { source: "forwarded", trustedProxies: ["10.0.0.0/8"] },
      { forwarded: "6.6.6.6, 203.0.113.9" },
      "203.0.113.9",
      true,
    ],
    [{ source: "forwarded", trustedProxies: ["10.0.0.0/8"] }, { forwarded: "nonsense" }, "unknown", true],
    [
      { source: "forwarded", trustedProxies: ["10.0.0.0/8"] },
      { forwarded: "203.0.113.9", peer: "192.0.2.1" },
      "192.0.2.1",
      false,
    ],
    [{ source: "header", header: "cf-connecting-ip" }, { forwarded: "2001:db8:1:2::9" }, "2001:db8:1:2::/64", false],
  ] as const)("says whose address counts: %j %j", async (clientIp, sample, bucket, isFromTrustedProxy) => {
    const found = await engine({ clientIp }).inspect(sample);
    expect(found.client).toMatchObject({ bucket, isFromTrustedProxy });
  });

  it("lists each fault of a configuration on the error itself", () => {
    const make = () => createSegno({ baseUrl: "http://app.example.com", production: true, database: file });
    expect(make).toThrow(TypeError);
    try {
      make();
    } catch (error) {
      const { faults } = error as { readonly faults: readonly string[] };
      expect(faults.map((fault) => fault.split(":")[0])).toEqual(["baseUrl", "clientIp", "email", "secret"]);
    }
  });
});

describe("an engine without background work", () => {
  it("runs verbs, and leaves mail and events to the service", async () => {
    const clock = createVirtualClock();
    const heard: string[] = [];
    const tool = engine({ clock });
    tool.on("*", (event) => heard.push(event.type));
    await tool.ready({ background: false });
    await tool.api.keys.rotate({ atOnce: true });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(heard).toEqual([]);
    await tool.close();

    const service = engine({ clock });
    service.on("key.rotated", (event) => heard.push(event.type));
    await service.ready();
    await expect.poll(() => heard).toEqual(["key.rotated"]);
    await expect(service.ready({ background: false })).rejects.toThrow(TypeError);
  });
});
