import { isSegnoError } from "@segno/core";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { createTestSegno } from "@segno/testing";
import { describeNodes } from "../../test/describe-nodes.js";
import { addFamily, formRequest, type Node, origin, rotateNow } from "../../test/engine-kit.js";
import { createVaultDouble, type VaultDouble } from "../../test/vault-double.js";

async function refresh(node: Node, refreshToken: string): Promise<Response> {
  const form = { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" };
  return await node.handler(formRequest("/api/auth/oauth2/token", form));
}

async function readiness(node: Node): Promise<{ status: number; keys: string }> {
  const response = await node.handler(new Request(`${origin}/api/auth/health/ready`));
  const body = (await response.json()) as { checks: { keys: string } };
  return { status: response.status, keys: body.checks.keys };
}

const signs = async (node: Node): Promise<boolean> => {
  const exp = Math.floor(node.clock.nowMs() / 1000) + 300;
  return await node.keyring.sign({ typ: "at+jwt" }, { exp }).then(
    () => true,
    (error: unknown) => {
      if (!isSegnoError(error, "key_unavailable")) throw error;
      return false;
    },
  );
};

describeNodes("a vault that does not answer", ({ open }) => {
  let vault: VaultDouble;
  let node: Node;
  beforeEach(() => {
    vault = createVaultDouble();
  });

  it("F1, R110: wrapped: signing goes on for the time declared, then a clean 503; verification never notices; back within 5 s", async () => {
    node = await open({
      keys: { custody: vault.wrapped, leaseSeconds: 600, outageSeconds: 900, custodyTimeoutSeconds: 0.05 },
    });
    const told: string[] = [];
    node.events.on("key.custody_failed", ({ data }) => void told.push(`failed ${data.custody}`));
    node.events.on("key.custody_recovered", ({ data }) => void told.push(`recovered after ${data.downSeconds}`));
    let { refreshToken } = await addFamily(node.engine);
    const { tokens } = await addFamily(node.engine);
    const keeper = (
      await node.keyring.sign(
        { typ: "at+jwt" },
        { ...decodeJwt(tokens.accessToken), exp: Math.floor(node.clock.nowMs() / 1000) + 3_600 },
      )
    ).token;
    const startMs = node.clock.nowMs();
    vault.state = "hanging";
    const story: { atSeconds: number; status: number; health: string }[] = [];
    for (let atSeconds = 10; atSeconds <= 1_800; atSeconds += 10) {
      node.clock.set(startMs + atSeconds * 1000);
      const response = await refresh(node, refreshToken);
      // renewing fails in real time
      if (atSeconds === 620) await expect.poll(async () => (await readiness(node)).keys).toBe("degraded");
      const health = await readiness(node);
      story.push({ atSeconds, status: response.status, health: `${health.status} ${health.keys}` });
      if (response.status === 200) refreshToken = ((await response.json()) as { refresh_token: string }).refresh_token;
      else expect(response.headers.get("retry-after")).toMatch(/^[1-9]\d?$/);
      const auth = await node.authenticate({
        headers: { authorization: `Bearer ${keeper}` },
        method: "GET",
        url: origin,
      });
      expect(auth).toMatchObject({ status: "authenticated" });
    }
    const good = story.filter(({ status }) => status === 200);
    expect(good.at(-1)?.atSeconds).toBe(1_490);
    expect(story.slice(good.length).every(({ status }) => status === 503)).toBe(true);
    expect(story[0]?.health).toBe("200 ok");
    expect(new Set(story.slice(70).map(({ health }) => health))).toEqual(new Set(["200 degraded"]));
    vault.state = "up";
    let waited = 0;
    while (!(await signs(node)) && waited < 10) {
      node.clock.advance({ seconds: 1 });
      waited += 1;
    }
    expect(waited).toBeLessThan(5);
    expect((await refresh(node, refreshToken)).status).toBe(200);
    node.clock.advance({ seconds: 2 });
    await node.keyring.tick();
    await expect.poll(async () => (await readiness(node)).keys).toBe("ok");
    await node.events.drain();
    expect(told).toEqual(["failed double:wrapped", expect.stringMatching(/^recovered after \d+$/)]);
  });

  it("remote: a slow vault gets few calls, sign-ins end in time, and they work again when it does", async () => {
    node = await open({ keys: { custody: vault.remote, custodyTimeoutSeconds: 0.2 } });
    const families = await Promise.all(Array.from({ length: 60 }, () => addFamily(node.engine)));
    vault.state = "hanging";
    const startedMs = performance.now();
    const statuses = await Promise.all(
      families.map(async (family) => (await refresh(node, family.refreshToken)).status),
    );
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(vault.mostInFlight).toBeLessThanOrEqual(32);
    expect((await node.keyring.health()).status).toBe("failed");
    expect(await readiness(node)).toEqual({ status: 200, keys: "degraded" });
    vault.state = "up";
    node.clock.advance({ seconds: 2 });
    expect(await signs(node)).toBe(true);
    for (const family of families) expect((await refresh(node, family.refreshToken)).status).toBe(200);
    expect((await node.keyring.health()).status).toBe("ok");
  });

  it("rotation during an outage: nodes that hold the spare go on signing with it", async () => {
    const options = { keys: { custody: vault.wrapped, custodyTimeoutSeconds: 0.05 } };
    node = await open(options);
    const other = await open({ ...options, clock: node.clock });
    expect(await signs(other)).toBe(true);
    await other.keyring.tick();
    await expect.poll(() => vault.calls.unwrap).toBe(4);
    vault.state = "down";
    expect(await rotateNow(node)).toMatchObject({ wasPublished: true });
    node.clock.advance({ minutes: 1 });
    await other.keyring.tick().catch(() => undefined);
    expect(await signs(node)).toBe(true);
    expect(await signs(other)).toBe(true);
    expect((await other.keyring.health()).status).toBe("degraded");
    vault.state = "up";
    node.clock.advance({ seconds: 5 });
    await node.keyring.tick();
    await expect.poll(async () => (await node.keyring.health()).status).toBe("ok");
  });

  it("F7: clock jumps of two hours, either way, with the vault up or down: signing stays as declared", async () => {
    node = await open({ keys: { custody: vault.wrapped, custodyTimeoutSeconds: 0.05 } });
    const { tokens } = await addFamily(node.engine);
    const exp = (decodeJwt(tokens.accessToken).exp ?? 0) * 1000;
    node.clock.advance({ hours: 2 });
    expect(await signs(node)).toBe(true);
    const auth = () =>
      node.authenticate({ headers: { authorization: `Bearer ${tokens.accessToken}` }, method: "GET", url: origin });
    expect(node.clock.nowMs()).toBeGreaterThan(exp);
    expect(await auth()).toMatchObject({ status: "invalid" });
    node.clock.set(node.clock.nowMs() - 7_200_000);
    const before = vault.calls.unwrap;
    expect(await signs(node)).toBe(true);
    await expect.poll(() => vault.calls.unwrap > before && vault.inFlight === 0).toBe(true);
    await node.keyring.tick();
    // down, then back in time: what is open is used for the outage time from then on, not for ever
    vault.state = "down";
    node.clock.set(node.clock.nowMs() - 7_200_000);
    expect(await signs(node)).toBe(true);
    node.clock.advance({ seconds: 899 });
    expect(await signs(node)).toBe(true);
    node.clock.advance({ seconds: 2 });
    expect(await signs(node)).toBe(false);
    // forward past the lease and the outage time
    vault.state = "up";
    node.clock.advance({ seconds: 5 });
    expect(await signs(node)).toBe(true);
    vault.state = "down";
    node.clock.advance({ hours: 2 });
    expect(await signs(node)).toBe(false);
  });

  it("a lease is renewed while the vault answers, one call for each key and hour", async () => {
    node = await open({ keys: { custody: vault.wrapped } });
    await expect.poll(() => vault.calls.unwrap).toBe(2);
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      node.clock.advance({ minutes: 5 });
      expect(await signs(node)).toBe(true);
      await node.keyring.tick();
    }
    expect(vault.calls.unwrap).toBeGreaterThan(40);
    expect(vault.calls.unwrap).toBeLessThanOrEqual(2 + 2 * 24);
  });
});

describe("a whole sign-in through a remote custody", () => {
  it("R088: sign-up, code, step-up and tokens work; ids and events are those of the run that was committed", async () => {
    const vault = createVaultDouble();
    const test = await createTestSegno({ keys: { custody: vault.remote } });
    const up = await test.signUpWithPasskey({ displayName: "Ada" });
    const passkey = await up.tokens();
    const mailed = await test.signInAs("ada@example.com");
    const mail = await mailed.tokens();
    for (const { accessToken } of [passkey, mail]) {
      const state = await test.segno.authenticate({
        headers: { authorization: `Bearer ${accessToken}` },
        method: "GET",
        url: test.origin,
      });
      expect(state).toMatchObject({ status: "authenticated" });
    }
    const issued = await test.eventsOf("token.issued");
    const jtis = issued.map((event) => event.data.jti);
    for (const { accessToken } of [passkey, mail]) expect(jtis).toContain(decodeJwt(accessToken).jti);
    expect(new Set(jtis).size).toBe(jtis.length);
    expect(vault.calls.sign).toBe(jtis.length);
    await test.close();
  });
});
