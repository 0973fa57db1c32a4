import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ForkedProcess, forkProcess } from "../test/fork-process.js";

// The engine and an API that only checks tokens, a process each: nothing is shared but what goes over HTTP, and time is real.
const audience = "https://orders.example.com";
/** What the API promises, and what this machine may take for a request. */
const boundMs = 5_000;
const requestMs = 1_000;

interface SignedIn {
  readonly cookie: string;
  readonly accessToken: string;
}

describe("an API in another process than the engine", () => {
  let folder: string;
  let issuer: ForkedProcess;
  let orders: ForkedProcess;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "segno-processes-"));
    issuer = await forkProcess("issuer", [join(folder, "segno.db"), audience]);
    orders = await forkProcess("orders", [issuer.origin, audience]);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const signIn = (email: string) => issuer.ask<SignedIn>({ email });
  const use = async ({ accessToken }: SignedIn): Promise<number> =>
    (await fetch(orders.origin, { headers: { authorization: `Bearer ${accessToken}` } })).status;
  const post = async (path: string, init: RequestInit) =>
    (await fetch(`${issuer.origin}/api/auth${path}`, { ...init, method: "POST" })).status;

  it.each([
    {
      what: "a token that its client revoked",
      revoke: ({ accessToken }: SignedIn) =>
        post("/oauth2/revoke", { body: new URLSearchParams({ token: accessToken, client_id: "segno" }) }),
    },
    {
      what: "the token of a session that signed out",
      revoke: ({ cookie }: SignedIn) =>
        post("/v1/sign-out", {
          headers: { cookie, origin: issuer.origin, "content-type": "application/json" },
          body: "{}",
        }),
    },
  ])("R075, T-069: refuses $what within 5 seconds, and nobody else's", { timeout: 60_000 }, async ({ revoke }) => {
    const ada = await signIn("ada@example.com");
    const bob = await signIn("bob@example.com");
    expect([await use(ada), await use(bob)]).toEqual([200, 200]);
    expect(await revoke(ada)).toBeLessThan(300);
    const revokedAtMs = performance.now();
    const seen: number[] = [];
    while (seen.at(-1) !== 401 && performance.now() - revokedAtMs < 2 * boundMs) {
      seen.push(await use(ada));
      expect(await use(bob)).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(performance.now() - revokedAtMs).toBeLessThan(boundMs + requestMs);
    expect(new Set(seen)).toEqual(seen.length === 1 ? new Set([401]) : new Set([200, 401]));
    // for good, and only this one
    for (let turn = 0; turn < 5; turn += 1) expect([await use(ada), await use(bob)]).toEqual([401, 200]);
    expect(await use(await signIn("ada@example.com"))).toBe(200);
  });
});
