import { execFile } from "node:child_process";
import type { LookupAddress } from "node:dns";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../test/https-receiver.js";
import { createEgress, type Egress, type EgressOptions } from "./egress.js";

const open: Egress[] = [];
function egressOf(options: EgressOptions = {}): Egress {
  const egress = createEgress(options);
  open.push(egress);
  return egress;
}
afterEach(() => {
  for (const egress of open.splice(0)) egress.close();
  vi.unstubAllEnvs();
});

const post = { method: "POST", headers: {}, body: "{}" } as const;
async function faultOf(work: Promise<unknown>): Promise<{ code: string; detail: Record<string, unknown> }> {
  return await work.then(
    () => expect.fail("was not refused"),
    (error: unknown) => error as { code: string; detail: Record<string, unknown> },
  );
}

/** Hosts that lead to what is private, as an attacker spells them. */
const privateHosts = [
  ..."127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 017700000001 0177.0.0.1 0x7f.0.0.1 0x7f.1 127.0.0.1. 127.255.255.254".split(
    " ",
  ),
  ..."0.0.0.0 0 10.0.0.1 10.255.255.255 012.0.0.1 167772161 172.16.0.1 172.31.255.255 192.168.0.1 0xc0a80001".split(
    " ",
  ),
  ..."169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.170.2 100.64.0.1 100.100.100.200".split(" "),
  ..."168.63.129.16 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1".split(" "),
  ..."224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1".split(" "),
  ..."[::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:a9fe:a9fe] [::127.0.0.1] [::7f00:1]".split(
    " ",
  ),
  ..."[fe80::1] [febf::1] [fc00::1] [fd00:ec2::254] [fd20:ce::254] [ff02::1] [fec0::1] [64:ff9b::7f00:1]".split(" "),
  ..."[64:ff9b::8.8.8.8] [64:ff9b:1::1] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2001:0:7f00:1::] [2001:db8::1]".split(" "),
  ..."[3fff::1] [3ffe::1] [100::1] [5f00::1] [::ffff:0:127.0.0.1] [2600::5efe:10.0.0.1] [2600::200:5efe:a00:1]".split(
    " ",
  ),
];

describe("addresses that are spelled out", () => {
  it(`T-081: none of ${privateHosts.length} spellings of what is private is asked`, async () => {
    const egress = egressOf({ lookup: async () => expect.fail("an address is not looked up") });
    for (const host of privateHosts) {
      const url = URL.parse(`https://${host}/`);
      if (url === null) continue;
      expect(egress.refusalOf(url), host).toMatch(/not public/);
      expect((await faultOf(egress.send({ ...post, url }))).detail, host).toEqual({ reason: "address_refused" });
    }
  });

  it("T-081: any spelling of any private IPv4 address is refused, and of any public one is not", () => {
    const egress = egressOf();
    const octet = fc.integer({ min: 0, max: 255 });
    const spell = (bytes: readonly number[], form: number): string => {
      const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
      if (form === 0) return bytes.join(".");
      if (form === 1) return `${number}`;
      if (form === 2) return `0x${number.toString(16)}`;
      if (form === 3) return bytes.map((byte) => `0${byte.toString(8)}`).join(".");
      if (form === 4) return bytes.map((byte) => `0X${byte.toString(16)}`).join(".");
      if (form === 5) return `${bytes.join(".")}.`;
      if (form === 6) return `[::ffff:${bytes.join(".")}]`;
      return `${bytes[0]}.${number % 2 ** 24}`;
    };
    const isPrivate = ([a = 0, b = 0]: readonly number[]): boolean =>
      [0, 10, 127].includes(a) || (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32) || a >= 224;
    fc.assert(
      fc.property(octet, octet, octet, octet, fc.integer({ min: 0, max: 7 }), (a, b, c, d, form) => {
        const url = new URL(`https://${spell([a, b, c, d], form)}/`);
        if (isPrivate([a, b])) expect(egress.refusalOf(url)).toBeDefined();
        if (a > 11 && a < 100) expect(egress.refusalOf(url)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  it("T-081: of IPv6 only what is given out to the public is asked", () => {
    const egress = egressOf();
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const url = new URL(`https://[${groups.map((value) => value.toString(16)).join(":")}]/`);
        const first = groups[0] ?? 0;
        if (first < 0x2000 || first > 0x3fff) expect(egress.refusalOf(url)).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
    for (const host of ["[2606:4700:4700::1111]", "[2a00:1450:4001:81b::200e]", "8.8.8.8", "[::ffff:8.8.8.8]"])
      expect(egress.refusalOf(new URL(`https://${host}/`)), host).toBeUndefined();
  });

  it.each([
    ["http://example.com/", /https/],
    ["http://localhost/", /https/],
    ["ftp://example.com/", /https/],
    ["file:///etc/passwd", /https/],
    ["gopher://example.com/", /https/],
    ["https://user@example.com/", /no user/],
    ["https://example.com:x@127.0.0.1/", /no user/],
    ["https://127.0.0.1@example.com/", /no user/],
    ["https://example.com/#fragment", /fragment/],
  ])("T-081: refuses %s", (text, why) => {
    expect(egressOf().refusalOf(new URL(text))).toMatch(why);
  });

  it("takes what is listed, and nothing beside it", () => {
    const egress = egressOf({ allowAddresses: ["10.0.4.0/24", "fd00:1::/64"] });
    const refusal = (host: string) => egress.refusalOf(new URL(`https://${host}/`));
    expect([refusal("10.0.4.9"), refusal("[fd00:1::9]"), refusal("[::ffff:10.0.4.9]")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([refusal("10.0.5.9"), refusal("[fd00:2::9]"), refusal("127.0.0.1")].every(Boolean)).toBe(true);
    expect(() => createEgress({ allowAddresses: ["10.0.4.1/24"] })).toThrow(/neither an address nor a range/);
  });
});

describe("names", () => {
  const resolvingTo =
    (...addresses: string[]) =>
    async (): Promise<LookupAddress[]> =>
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

  it.each([
    ["a private address", ["10.0.0.7"]],
    ["metadata", ["169.254.169.254"]],
    ["loopback by IPv6", ["::1"]],
    ["a mapped one", ["::ffff:127.0.0.1"]],
    ["a public and a private one", ["93.184.216.34", "127.0.0.1"]],
    ["no address at all", []],
    ["what is no address", ["not-an-address"]],
  ])("T-081: a name that leads to %s is not asked", async (_what, addresses) => {
    const egress = egressOf({ lookup: resolvingTo(...addresses), timeoutMs: 2_000 });
    const fault = await faultOf(egress.send({ ...post, url: new URL("https://rebind.example/") }));
    expect(fault).toMatchObject({ code: "network" });
    expect(fault.detail["reason"]).toMatch(/address_refused|ENOTFOUND/);
  });

  it("T-081: localhost is private too, by any of its names", async () => {
    const egress = egressOf({ timeoutMs: 2_000 });
    for (const host of ["localhost", "LOCALHOST", "ⓛocalhost", "localhost."]) {
      const fault = await faultOf(egress.send({ ...post, url: new URL(`https://${host}:1/`) }));
      expect(fault.detail["reason"], host).toMatch(/address_refused|ENOTFOUND|EAI_AGAIN/);
    }
  });

  it("takes http on localhost where that is allowed, and only there", async () => {
    const server = createServer((_request, response) => response.writeHead(202).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const egress = egressOf({ allowHttpOnLocalhost: true });
      expect((await egress.send({ ...post, url: new URL(`http://127.0.0.1:${port}/`) })).status).toBe(202);
      expect((await egress.send({ ...post, url: new URL(`http://localhost:${port}/`) })).status).toBe(202);
      expect(egress.refusalOf(new URL("http://example.com/"))).toMatch(/https/);
      expect(egress.refusalOf(new URL("http://10.0.0.1/"))).toMatch(/https/);
      expect(egress.refusalOf(new URL("https://127.0.0.1/"))).toMatch(/not public/);
      const moved = egressOf({ allowHttpOnLocalhost: true, lookup: resolvingTo("10.0.0.1") });
      const fault = await faultOf(moved.send({ ...post, url: new URL(`http://localhost:${port}/`) }));
      expect(fault.detail).toEqual({ reason: "address_refused" });
    } finally {
      server.close();
    }
  });
});

describe.skipIf(noReceiver !== undefined)("over TLS", { timeout: 30_000 }, () => {
  let receiver: HttpsReceiver;
  const local = { allowAddresses: ["127.0.0.1"] };
  beforeAll(async () => {
    receiver = await startHttpsReceiver(["DNS:localhost", "DNS:rebind.example", "IP:127.0.0.1"]);
  });
  afterAll(async () => await receiver.stop());
  afterEach(() => {
    receiver.answerWith(() => 204);
    receiver.requests.length = 0;
  });
  const trusting = (options: EgressOptions = {}): Egress => egressOf({ ...local, ca: receiver.ca, ...options });
  const target = (path = "/"): URL => new URL(path, receiver.url);

  it("T-081: connects to the address that was checked: a second answer of the name server is not asked for", async () => {
    let asked = 0;
    const egress = trusting({
      allowAddresses: ["127.0.0.1/32"],
      lookup: async () => {
        asked += 1;
        return [{ address: asked === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }];
      },
    });
    const url = new URL(`https://rebind.example:${receiver.port}/`);
    expect((await egress.send({ ...post, url })).status).toBe(204);
    expect((await egress.send({ ...post, url })).status).toBe(204);
    expect(asked).toBe(1);
    expect(receiver.connections()).toBe(1);
    await receiver.comeBack();
    expect((await faultOf(egress.send({ ...post, url }))).detail).toEqual({ reason: "address_refused" });
    expect(asked).toBeGreaterThan(1);
    expect(receiver.requests).toHaveLength(2);
  });

  it("T-081: follows no redirect", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      receiver.answerWith(({ path }) =>
        path === "/" ? (r) => void r.writeHead(status, { location: "/in" }).end() : 204,
      );
      const answer = await trusting().send({ ...post, url: target() });
      expect([answer.status, answer.headers["location"]]).toEqual([status, "/in"]);
    }
    expect(receiver.requests).toEqual([]);
  });

  it("verifies certificates, whatever the environment says", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const unknown = await faultOf(egressOf(local).send({ ...post, url: target() }));
    expect(unknown.detail["reason"]).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
    const elsewhere = trusting({ lookup: async () => [{ address: "127.0.0.1", family: 4 }] });
    const wrongName = await faultOf(
      elsewhere.send({ ...post, url: new URL(`https://other.example:${receiver.port}/`) }),
    );
    expect(wrongName.detail).toEqual({ reason: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect(receiver.requests).toEqual([]);
  });

  it("asks no proxy of the environment", async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method}`);
      response.end();
    }).on("connect", (request, socket) => {
      asked.push(`${request.method}`);
      socket.destroy();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const script = `
      const { createEgress } = await import(process.env.EGRESS);
      const egress = createEgress({ allowAddresses: ["127.0.0.1"], ca: process.env.CA });
      const answer = await egress.send({ url: new URL(process.env.URL_), method: "POST", headers: {}, body: "{}" });
      console.log("status", answer.status);
      egress.close();`;
    try {
      const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const loader = new URL("../../test/source-loader.mjs", import.meta.url).href;
      const output = await new Promise<string>((resolve, reject) => {
        execFile(
          process.execPath,
          ["--import", loader, "--input-type=module", "-e", script],
          {
            env: {
              ...process.env,
              ...{ NODE_USE_ENV_PROXY: "1", HTTPS_PROXY: address, https_proxy: address, HTTP_PROXY: address },
              ...{ EGRESS: new URL("egress.ts", import.meta.url).href, CA: receiver.ca, URL_: receiver.url },
            },
          },
          (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr))),
        );
      });
      expect(output).toContain("status 204");
      expect(asked).toEqual([]);
    } finally {
      proxy.close();
    }
  });

  it("T-073: an answer without end is cut off, read or not", async () => {
    let sent = 0;
    receiver.answerWith(() => (response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && sent < 50_000_000) {
          sent += 65_536;
          if (!response.write("x".repeat(65_536))) return void response.once("drain", more);
        }
      };
      more();
    });
    expect((await trusting().send({ ...post, url: target() })).status).toBe(200);
    const egress = trusting();
    expect((await faultOf(egress.send({ ...post, url: target(), maxAnswerBytes: 1_000 }))).detail).toEqual({
      reason: "answer_too_large",
    });
    expect(sent).toBeLessThan(50_000_000);
  });

  it("reads an answer of the right size, and a cut one is a fault", async () => {
    receiver.answerWith(() => (response) => void response.end("hello"));
    const answer = await trusting().send({ ...post, url: target(), maxAnswerBytes: 5 });
    expect(Buffer.from(answer.body).toString()).toBe("hello");
    receiver.answerWith(() => (response) => {
      response.writeHead(200, { "content-length": "100" }).write("hel");
      setTimeout(() => response.destroy(), 20);
    });
    const cut = await faultOf(trusting().send({ ...post, url: target(), maxAnswerBytes: 100 }));
    expect(cut).toMatchObject({ code: "network" });
  });

  it("gives up in time, also when only the name server hangs, and at once when it is told to", async () => {
    receiver.answerWith(() => () => {});
    expect((await faultOf(trusting({ timeoutMs: 200 }).send({ ...post, url: target() }))).code).toBe("timeout");
    const nameless = trusting({ timeoutMs: 200, lookup: () => new Promise(() => {}) });
    expect((await faultOf(nameless.send({ ...post, url: new URL("https://slow.example/") }))).code).toBe("timeout");
    const abort = new AbortController();
    const waiting = faultOf(trusting().send({ ...post, url: target(), signal: abort.signal }));
    setTimeout(() => abort.abort(), 50);
    expect((await waiting).detail).toEqual({ reason: "aborted" });
    const before = receiver.connections();
    await faultOf(trusting().send({ ...post, url: target(), signal: AbortSignal.abort() }));
    expect(receiver.connections()).toBe(before);
  });

  it("says nothing of what was sent or answered", async () => {
    receiver.answerWith(() => (response) => {
      response.socket?.end("HTTP/1.1 canary-4711 garbage\r\n\r\n");
    });
    const fault = await faultOf(
      trusting().send({ ...post, body: "canary-4711", url: target("/hook/canary-4711?token=canary-4711") }),
    );
    expect(fault.code).toBe("network");
    expect(inspect(fault, { depth: 9 })).not.toContain("canary-4711");
  });

  it("uses a connection again, and makes a new one when the old one was closed meanwhile", async () => {
    const egress = trusting();
    const before = receiver.connections();
    for (let count = 0; count < 5; count += 1) await egress.send({ ...post, url: target() });
    expect(receiver.connections()).toBe(before + 1);
    await receiver.leave();
    await receiver.comeBack();
    expect((await egress.send({ ...post, url: target() })).status).toBe(204);
  });
});
