import { generateKeyPairSync } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createVirtualClock, type VirtualClock } from "@segno/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type VaultOptions } from "./vault-options.js";
import { vaultRemote } from "./vault-remote.js";
import { vaultWrapped } from "./vault-wrapped.js";

const context = { purpose: "access_token", kid: "kid-1" } as const;
const plain = new TextEncoder().encode("a private key");
const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const secret = "hvs.SECRET-of-the-test";
const address = "https://vault.example.com:8200";
const wrappedText = `vault:v1:${Buffer.from("x".repeat(40)).toString("base64")}`;

type Answer = Response | Error | (() => Response | Promise<Response>);
type Script = Readonly<Record<string, Answer | readonly Answer[]>>;

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
const login =
  (leaseSeconds: number, token = secret) =>
  () =>
    json({ auth: { client_token: token, lease_duration: leaseSeconds, renewable: true } });
const wrappedAnswer = () => json({ data: { ciphertext: wrappedText } });

/** A server that answers by path, the last answer of a list for good. Tells which requests came. */
function scripted(script: Script): { fetch: typeof fetch; seen: { path: string; headers: Headers; body: string }[] } {
  const seen: { path: string; headers: Headers; body: string }[] = [];
  const counts = new Map<string, number>();
  const answer: typeof fetch = async (input, init) => {
    const path = new URL(`${input as string}`).pathname.replace("/v1/", "");
    seen.push({ path, headers: new Headers(init?.headers), body: `${(init?.body as string | undefined) ?? ""}` });
    init?.signal?.throwIfAborted();
    const list = [script[path] ?? json({ errors: [] }, 404)].flat();
    const count = counts.get(path) ?? 0;
    counts.set(path, count + 1);
    const next = list[Math.min(count, list.length - 1)];
    if (next instanceof Error) throw next;
    if (typeof next === "function") return await next();
    return next?.clone() ?? json({}, 404);
  };
  return { fetch: answer, seen };
}

const approle = { method: "approle", roleId: "shop", secretId: "secret-id-of-the-test" } as const;
function custodyOn(script: Script, options: VaultOptions = {}) {
  const server = scripted({ "auth/approle/login": login(3_600), ...script });
  return { custody: vaultWrapped({ address, login: approle, fetch: server.fetch, ...options }), ...server };
}
const paths = (seen: readonly { path: string }[]): string[] => seen.map(({ path }) => path);
async function faultOf(work: Promise<unknown>): Promise<Error & { code: string; detail: Record<string, unknown> }> {
  return await work.then(
    () => expect.fail("was not refused"),
    (error: unknown) => error as Error & { code: string; detail: Record<string, unknown> },
  );
}
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

afterEach(() => vi.unstubAllEnvs());

describe("options", () => {
  const token = { method: "token", token: secret } as const;
  it.each([
    ["http outside localhost", { address: "http://vault.example.com:8200" }, /https/],
    ["an address that is none", { address: "vault:8200" }, /address/],
    ["a password in the address", { address: `https://user:${secret}@vault.example.com` }, /password/],
    ["a query in the address", { address: "https://vault.example.com/?x=1" }, /query/],
    ["a mount that climbs", { address, mount: "../sys" }, /mount/],
    ["a mount with a query", { address, mount: "transit?x" }, /mount/],
    ["a namespace that is a header of its own", { address, namespace: "a\r\nX: y" }, /namespace/],
  ])("refuses %s", (_name, options, message) => {
    const make = (): unknown => vaultWrapped({ login: token, ...options });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
    expect(make).not.toThrow(new RegExp(secret));
  });

  it("refuses a key or a prefix that is a path elsewhere, and a role too", () => {
    expect(() => vaultWrapped({ address, login: token, key: "a/../../sys/seal" })).toThrow(TypeError);
    expect(() => vaultRemote({ address, login: token, keyPrefix: "a/b" })).toThrow(TypeError);
    expect(() => vaultWrapped({ address, login: { method: "kubernetes", role: "a b" } })).toThrow(/role/);
  });

  it("takes address, namespace and token from the environment, BAO_ before VAULT_", async () => {
    expect(() => vaultWrapped({ address })).toThrow(/login/);
    expect(() => vaultWrapped({ login: token })).toThrow(/address/);
    vi.stubEnv("VAULT_ADDR", "https://vault.example.com");
    vi.stubEnv("BAO_ADDR", "https://bao.example.com/");
    vi.stubEnv("VAULT_TOKEN", secret);
    vi.stubEnv("VAULT_NAMESPACE", "team/shop");
    const asked: string[] = [];
    const server = scripted({
      "auth/token/lookup-self": json({ data: { ttl: 0, renewable: false } }),
      "transit/encrypt/segno": wrappedAnswer,
    });
    const custody = vaultWrapped({
      fetch: async (input, init) => {
        asked.push(`${input as string}`);
        return await server.fetch(input, init);
      },
    });
    await custody.wrap(plain, context, soon());
    expect(asked).toEqual([
      "https://bao.example.com/v1/auth/token/lookup-self",
      "https://bao.example.com/v1/transit/encrypt/segno",
    ]);
    for (const { headers } of server.seen) {
      expect(headers.get("X-Vault-Namespace")).toBe("team/shop");
      expect(headers.get("X-Vault-Token")).toBe(secret);
      expect(headers.get("X-Vault-Request")).toBe("true");
    }
  });

  it("allows http on localhost", () => {
    for (const local of ["http://localhost:8200", "http://127.0.0.1:8200", "http://[::1]:8200"]) {
      expect(() => vaultWrapped({ address: local, login: token })).not.toThrow();
    }
  });
});

describe("what Vault answers", () => {
  it.each([
    [400, "bad_request"],
    [403, "forbidden"],
    [404, "not_found"],
    [412, "standby"],
    [418, "refused"],
    [429, "busy"],
    [473, "standby"],
    [500, "failed"],
    [501, "uninitialized"],
    [502, "failed"],
    [503, "sealed"],
  ])("%i is %s, and nothing it said is told on", async (status, reason) => {
    const { custody } = custodyOn({ "transit/encrypt/segno": json({ errors: [`denied ${secret}`] }, status) });
    const error = await faultOf(custody.wrap(plain, context, soon()));
    expect(error).toMatchObject({ code: "key_unavailable", detail: { custody: "vault", status, reason } });
    expect(`${error.message}${JSON.stringify(error.detail)}${String(error.cause)}`).not.toContain("SECRET");
  });

  it("T-081: a redirect is not followed: the token would go along", async () => {
    const elsewhere: string[] = [];
    const listen = async (answer: RequestListener): Promise<{ url: string; close: () => void }> => {
      const server = createServer(answer);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
    };
    const thief = await listen((request, response) => {
      elsewhere.push(`${request.headers["x-vault-token"]}`);
      response.end("{}");
    });
    const vault = await listen((_request, response) => {
      response.writeHead(307, { Location: `${thief.url}/v1/transit/encrypt/segno` }).end();
    });
    try {
      const given = { method: "token", token: secret } as const;
      const error = await faultOf(vaultWrapped({ address: vault.url, login: given }).wrap(plain, context, soon()));
      expect(error).toMatchObject({ code: "key_unavailable", detail: { reason: "redirect" } });
      expect(elsewhere).toEqual([]);
    } finally {
      vault.close();
      thief.close();
    }
  });

  it("T-073: an answer without end is cut off", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    const { custody } = custodyOn({ "transit/encrypt/segno": () => new Response(endless) });
    expect(await faultOf(custody.wrap(plain, context, soon()))).toMatchObject({ code: "key_unavailable" });
    expect(sent).toBeLessThan(1_000_000);
  });

  it("nonsense is refused", async () => {
    const nonsense: Answer[] = [
      () => new Response("<html>hello</html>"),
      () => new Response(""),
      () => json([]),
      () => json({ data: { ciphertext: 7 } }),
      () => json({ data: { ciphertext: "vault:v1:" } }),
      () => json({ data: { ciphertext: "vault:v1:AA\nAA" } }),
      () => json({ data: null }),
    ];
    for (const answer of nonsense) {
      const { custody } = custodyOn({ "transit/encrypt/segno": answer });
      expect((await faultOf(custody.wrap(plain, context, soon()))).code).toBe("key_unavailable");
    }
    for (const answer of [() => json({ data: {} }), () => json({ data: { plaintext: "***" } })]) {
      const { custody } = custodyOn({ "transit/decrypt/segno": answer });
      expect((await faultOf(custody.unwrap(wrappedText, context, soon()))).code).toBe("key_unavailable");
    }
  });

  it("a signature or public key that is none is refused", async () => {
    const remoteOn = (script: Script) => {
      const server = scripted({ "auth/approle/login": login(3_600), ...script });
      return vaultRemote({ address, login: approle, fetch: server.fetch });
    };
    const handle = `segno-access_token-${"ab".repeat(12)}:1`;
    const key = { purpose: "access_token", algorithm: "ES256", handle } as const;
    const signPath = `transit/sign/${handle.slice(0, -2)}`;
    const good = Buffer.alloc(64, 1).toString("base64url");
    const signing = (signature: unknown) => remoteOn({ [signPath]: () => json({ data: { signature } }) });
    expect(await signing(`vault:v1:${good}`).sign(plain, key, soon())).toHaveLength(64);
    for (const signature of [
      undefined,
      good,
      `vault:v2:${good}`,
      `vault:v1:${good}AAAA`,
      "vault:v1:",
      `vault:v1:${good.slice(4)}`,
    ]) {
      expect((await faultOf(signing(signature).sign(plain, key, soon()))).code).toBe("key_unavailable");
    }
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = publicKey.export({ type: "spki", format: "pem" });
    const ours = { type: "ecdsa-p256", exportable: false, keys: { 1: { public_key: pem } } };
    const making = (data: object) => {
      const server: typeof fetch = async (input, init) =>
        `${input as string}`.includes("/login") ? login(60)() : json(init?.method === "GET" ? { data } : {});
      const custody = vaultRemote({ address, login: approle, fetch: server });
      return custody.generate({ purpose: "access_token", algorithm: "ES256" }, soon());
    };
    expect((await making(ours)).publicJwk).toMatchObject({ kty: "EC", crv: "P-256" });
    for (const wrong of [
      { exportable: true },
      { exportable: undefined },
      { type: "rsa-2048" },
      { keys: {} },
      { keys: { 1: { public_key: "PEM" } } },
      { keys: { 2: { public_key: pem } } },
    ]) {
      expect((await faultOf(making({ ...ours, ...wrong }))).code).toBe("key_unavailable");
    }
  });

  it("T-064: a key of another purpose, prefix or version is refused before anything is asked", async () => {
    const server = scripted({});
    const custody = vaultRemote({ address, login: approle, fetch: server.fetch });
    const random = "ab".repeat(12);
    for (const handle of [
      `segno-document-${random}:1`,
      `other-access_token-${random}:1`,
      `segno-access_token-${random}:2`,
      `segno-access_token-${random}`,
      `segno-access_token-${random}/../../sys/seal:1`,
    ]) {
      const key = { purpose: "access_token", algorithm: "ES256", handle } as const;
      expect((await faultOf(custody.sign(plain, key, soon()))).message).toContain("another purpose");
      expect((await faultOf(custody.destroy?.(key, soon()) ?? Promise.resolve())).message).toContain("another purpose");
    }
    expect(server.seen).toEqual([]);
  });

  it("a server that ignores associated data does not pass the check", async () => {
    const { custody } = custodyOn({
      "transit/encrypt/segno": wrappedAnswer,
      "transit/decrypt/segno": () => json({ data: { plaintext: Buffer.alloc(32, 7).toString("base64") } }),
    });
    expect((await faultOf(custody.check(soon()))).message).toMatch(/under another name/);
  });

  it("no server at all is named by its kind", async () => {
    const refused = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
    const { custody } = custodyOn({ "auth/approle/login": refused });
    expect((await faultOf(custody.wrap(plain, context, soon()))).message).toContain("ECONNREFUSED");
  });

  it("a server that never answers ends with the signal", async () => {
    const { custody } = custodyOn({ "transit/encrypt/segno": () => new Promise<Response>(() => {}) });
    const controller = new AbortController();
    const call = custody.wrap(plain, context, controller.signal);
    await settled();
    controller.abort();
    expect(await faultOf(call)).toMatchObject({ code: "key_unavailable", detail: { reason: "timeout" } });
  });
});

describe("signing in", () => {
  it("is done once for a crowd", async () => {
    const { custody, seen } = custodyOn({ "transit/encrypt/segno": wrappedAnswer });
    await Promise.all(Array.from({ length: 50 }, () => custody.wrap(plain, context, soon())));
    expect(paths(seen).filter((path) => path === "auth/approle/login")).toHaveLength(1);
  });

  it("is not tried again by everybody while it fails", async () => {
    const clock = createVirtualClock();
    const { custody, seen } = custodyOn({ "auth/approle/login": json({}, 503) }, { clock });
    for (let round = 0; round < 20; round += 1) await faultOf(custody.wrap(plain, context, soon()));
    expect(seen).toHaveLength(1);
    clock.advance({ seconds: 2 });
    await faultOf(custody.wrap(plain, context, soon()));
    expect(seen).toHaveLength(2);
  });

  it("one caller's end does not end it for the others", async () => {
    let answer: (response: Response) => void = () => {};
    const { custody } = custodyOn({
      "auth/approle/login": () => new Promise<Response>((resolve) => (answer = resolve)),
      "transit/encrypt/segno": wrappedAnswer,
    });
    const controller = new AbortController();
    const [first, second] = [custody.wrap(plain, context, controller.signal), custody.wrap(plain, context, soon())];
    await settled();
    controller.abort();
    await faultOf(first);
    answer(login(60)());
    expect(await second).toBe(wrappedText);
  });

  it("T-072: a credential that cannot be read is not told", async () => {
    const failing = {
      ...approle,
      secretId: () => {
        throw new Error(secret);
      },
    };
    const { custody } = custodyOn({}, { login: failing });
    const error = await faultOf(custody.wrap(plain, context, soon()));
    expect(`${error.message}${String(error.cause)}`).not.toContain("SECRET");
    for (const empty of ["", "  \n"]) {
      const other = custodyOn({}, { login: { ...approle, secretId: async () => empty } });
      expect((await faultOf(other.custody.wrap(plain, context, soon()))).message).toContain("is empty");
    }
  });

  it("takes a credential without the line break that files end with", async () => {
    const { custody, seen } = custodyOn(
      { "transit/encrypt/segno": wrappedAnswer },
      { login: { ...approle, secretId: async () => "secret-id\n" } },
    );
    await custody.wrap(plain, context, soon());
    expect(JSON.parse(seen[0]?.body ?? "{}")).toEqual({ role_id: "shop", secret_id: "secret-id" });
  });

  it("refuses a login that is answered without a token or its time", async () => {
    for (const auth of [
      undefined,
      {},
      { client_token: "a b", lease_duration: 1 },
      { client_token: "x", lease_duration: -1 },
    ]) {
      const { custody } = custodyOn({ "auth/approle/login": () => json({ auth }) });
      expect((await faultOf(custody.wrap(plain, context, soon()))).code).toBe("key_unavailable");
    }
  });

  it("does not sign in again and again when the policy refuses", async () => {
    const clock = createVirtualClock();
    const { custody, seen } = custodyOn({ "transit/encrypt/segno": json({}, 403) }, { clock });
    for (let round = 0; round < 5; round += 1) await faultOf(custody.wrap(plain, context, soon()));
    expect(paths(seen).filter((path) => path.endsWith("login"))).toHaveLength(1);
  });
});

describe("leases", () => {
  const script = { "transit/encrypt/segno": wrappedAnswer };
  async function wrapAt(clock: VirtualClock, seconds: number, custody: ReturnType<typeof vaultWrapped>): Promise<void> {
    clock.advance({ seconds });
    await custody.wrap(plain, context, soon());
    await settled();
  }

  it("is renewed between half and two thirds of its time, and callers do not wait for that", async () => {
    const clock = createVirtualClock();
    const slow: Answer = () => new Promise<Response>(() => {});
    const { custody, seen } = custodyOn({ ...script, "auth/token/renew-self": slow }, { clock });
    await wrapAt(clock, 0, custody);
    await wrapAt(clock, 1_700, custody);
    expect(paths(seen)).not.toContain("auth/token/renew-self");
    await wrapAt(clock, 710, custody);
    await wrapAt(clock, 10, custody);
    expect(paths(seen).filter((path) => path === "auth/token/renew-self")).toHaveLength(1);
    await custody.close?.();
  });

  it("signs in anew when a renewal is refused, or gives only little more time", async () => {
    for (const renewal of [json({}, 403), json({}, 400), login(100)]) {
      const clock = createVirtualClock();
      const { custody, seen } = custodyOn({ ...script, "auth/token/renew-self": renewal }, { clock });
      await wrapAt(clock, 0, custody);
      await wrapAt(clock, 2_500, custody);
      expect(paths(seen).filter((path) => path.endsWith("login"))).toHaveLength(2);
    }
  });

  it("R110: goes on with its token while renewals fail, and tries again", async () => {
    const clock = createVirtualClock();
    const renewals: Answer[] = [json({}, 503), new TypeError("fetch failed"), login(3_600)];
    const { custody, seen } = custodyOn({ ...script, "auth/token/renew-self": renewals }, { clock });
    await wrapAt(clock, 0, custody);
    for (const seconds of [2_500, 40, 40]) await wrapAt(clock, seconds, custody);
    expect(paths(seen).filter((path) => path === "auth/token/renew-self")).toHaveLength(3);
    expect(paths(seen).filter((path) => path.endsWith("login"))).toHaveLength(1);
    await wrapAt(clock, 1_500, custody);
    expect(paths(seen).filter((path) => path === "auth/token/renew-self")).toHaveLength(3);
  });

  it("signs in when the lease ended while nobody looked", async () => {
    const clock = createVirtualClock();
    const { custody, seen } = custodyOn(script, { clock });
    await wrapAt(clock, 0, custody);
    await wrapAt(clock, 10_000, custody);
    expect(paths(seen).filter((path) => path.endsWith("login"))).toHaveLength(2);
  });

  it("keeps an idle lease by a timer that holds no process", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const clock = createVirtualClock();
      const { custody, seen } = custodyOn({ ...script, "auth/token/renew-self": login(3_600) }, { clock });
      await custody.wrap(plain, context, soon());
      clock.advance({ seconds: 2_500 });
      await vi.advanceTimersByTimeAsync(2_500_000);
      await settled();
      expect(paths(seen).at(-1)).toBe("auth/token/renew-self");
      await custody.close?.();
      expect(paths(seen).at(-1)).toBe("auth/token/revoke-self");
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("a token that was given to us is not given back, and nothing works after the end", async () => {
    const { custody, seen } = custodyOn(
      { ...script, "auth/token/lookup-self": json({ data: { ttl: 60, renewable: true } }) },
      { login: { method: "token", token: secret } },
    );
    await custody.wrap(plain, context, soon());
    await custody.close?.();
    expect(paths(seen)).toEqual(["auth/token/lookup-self", "transit/encrypt/segno"]);
    expect((await faultOf(custody.wrap(plain, context, soon()))).message).toContain("closed");
  });
});
