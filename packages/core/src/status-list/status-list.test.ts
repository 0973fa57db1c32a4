import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { isSegnoError, type SegnoError } from "../errors.js";
import type { KeySetFetch } from "../tokens/fetch-text.js";
import { createLocalKeySet } from "../tokens/local-key-set.js";
import { goodClaims, issuedAt, issuer, outcome, signToken, testKey, turnableClock } from "../tokens/token.double.js";
import { createAccessTokenVerifier } from "../tokens/verify-access-token.js";
import { createStatusList } from "./create-status-list.js";
import type { StatusListOptions, StatusListPoll } from "./status-list.js";

const uri = `${issuer}/api/auth/.well-known/status-list/0`;
const key = testKey("one");
const other = testKey("one");
const keys = createLocalKeySet({ keys: [key.jwk] });
const places = 1024;

interface ListInput {
  readonly revoked?: readonly number[];
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly by?: ReturnType<typeof testKey>;
}

function lstOf(revoked: readonly number[], size = places): string {
  const bytes = new Uint8Array(size / 8);
  for (const index of revoked) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  return deflateSync(bytes).toString("base64url");
}

/** An issuer whose list can be changed, lost and counted. */
function issuerOfLists() {
  const clock = turnableClock();
  let version = 0;
  let make: () => Response | Promise<Response> = () => new Response(null, { status: 500 });
  const requests: Parameters<KeySetFetch>[] = [];
  const listToken = ({ revoked = [], claims = {}, header = {}, by = key }: ListInput = {}): string => {
    const now = Math.floor(clock.nowMs() / 1000);
    const status_list = { bits: 1, lst: lstOf(revoked) };
    return signToken(
      by,
      { iss: issuer, sub: uri, iat: now, exp: now + 300, ttl: 3, status_list, ...claims },
      { alg: "ES256", typ: "statuslist+jwt", kid: "one", ...header },
    );
  };
  return {
    clock,
    requests,
    listToken,
    serve(input: ListInput = {}) {
      version += 1;
      const etag = `W/"${version}"`;
      make = () => {
        const held = requests.at(-1)?.[1].headers["if-none-match"];
        if (held === etag) return new Response(null, { status: 304, headers: { etag } });
        return new Response(listToken(input), { headers: { etag } });
      };
    },
    answer(next: () => Response | Promise<Response>) {
      make = next;
    },
    fetch: (async (...request) => {
      requests.push(request);
      return await make();
    }) as KeySetFetch,
  };
}

const named = (idx: number, at = uri) => ({ status: { status_list: { idx, uri: at } } });
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

let remote: ReturnType<typeof issuerOfLists>;
let polls: StatusListPoll[];
function listOf(options: Partial<StatusListOptions> = {}) {
  const { clock, fetch } = remote;
  return createStatusList({ issuer, keys, clock, fetch, onPoll: (poll) => void polls.push(poll), ...options });
}
const later = (seconds: number) => remote.clock.turnTo(remote.clock.nowMs() / 1000 + seconds);

beforeEach(() => {
  remote = issuerOfLists();
  polls = [];
  remote.serve();
});

describe("createStatusList", () => {
  it("reads the example of the standard (draft-ietf-oauth-status-list section 4.1), and the one of two bits (appendix)", async () => {
    const one = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    const two = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
    for (const [bits, lst, expected] of [
      [1, "eNrbuRgAAhcBXQ", one],
      [2, "eNo76fITAAPfAgc", two],
    ] as const) {
      remote.serve({ claims: { status_list: { bits, lst } } });
      const list = listOf();
      const answers: boolean[] = [];
      for (let index = 0; index < expected.length; index += 1) answers.push(await list.isRevoked(named(index)));
      expect(answers).toEqual(expected.map((value) => value !== 0));
      expect(await outcome(() => list.isRevoked(named(expected.length + 4)))).toBe("token_claim");
    }
  });

  it("fetches once however many wait, then answers without waiting", async () => {
    remote.serve({ revoked: [7] });
    const list = listOf();
    const answers = await Promise.all(Array.from({ length: 100 }, async () => await list.isRevoked(named(7))));
    expect(new Set(answers)).toEqual(new Set([true]));
    expect(remote.requests).toHaveLength(1);
    expect(remote.requests[0]?.[1]).toMatchObject({
      redirect: "manual",
      headers: { accept: "application/statuslist+jwt" },
    });
    expect(list.isRevoked(named(7))).toBe(true);
    expect(list.isRevoked(named(8))).toBe(false);
  });

  it("is renewed in the background by what comes, so that nobody waits while traffic flows; nothing runs by itself", async () => {
    const list = listOf();
    await list.isRevoked(named(1));
    for (let tick = 0; tick < 100; tick += 1) {
      later(0.5);
      expect(list.isRevoked(named(1))).toBe(false);
      await settle();
    }
    expect(remote.requests.length).toBeGreaterThanOrEqual(20);
    expect(remote.requests.length).toBeLessThanOrEqual(27);
    expect(polls.filter(({ outcome }) => outcome === "unchanged").length).toBe(remote.requests.length - 1);
    const before = remote.requests.length;
    later(600);
    await settle();
    expect(remote.requests).toHaveLength(before);
  });

  it("R075: a revocation is refused at most three seconds after the issuer shows it, whenever the next token comes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 50, max: 9_000 }), { minLength: 1, maxLength: 30 }),
        fc.nat(29),
        async (gapsMs, revokeAfter) => {
          remote = issuerOfLists();
          remote.serve();
          const list = listOf();
          let revokedAtMs = Number.POSITIVE_INFINITY;
          for (const [index, gapMs] of gapsMs.entries()) {
            if (index === Math.min(revokeAfter, gapsMs.length - 1)) {
              remote.serve({ revoked: [5] });
              revokedAtMs = remote.clock.nowMs();
            }
            later(gapMs / 1000);
            const isRevoked = await list.isRevoked(named(5));
            if (remote.clock.nowMs() - revokedAtMs >= 3_000) expect(isRevoked).toBe(true);
            if (revokedAtMs === Number.POSITIVE_INFINITY) expect(isRevoked).toBe(false);
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("F6: without the issuer the last list decides for 30 seconds, then every token is refused, and it recovers by itself", async () => {
    remote.serve({ revoked: [2] });
    const list = listOf();
    await list.isRevoked(named(1));
    remote.answer(() => Promise.reject(new TypeError("fetch failed")));
    later(10);
    expect(await list.isRevoked(named(1))).toBe(false);
    expect(await list.isRevoked(named(2))).toBe(true);
    later(19);
    expect(await list.isRevoked(named(1))).toBe(false);
    later(1);
    expect(await outcome(() => list.isRevoked(named(1)))).toBe("status_list_unavailable");
    expect(list.state()[0]).toMatchObject({ isUsable: false, ageSeconds: 30 });
    expect(polls.at(-1)).toMatchObject({ outcome: "failed", error: { code: "status_list_unavailable" } });
    remote.serve({ revoked: [2] });
    later(1);
    expect(await list.isRevoked(named(1))).toBe(false);
    expect(list.state()[0]).toMatchObject({ isUsable: true, failures: 0, ageSeconds: 0 });
  });

  it("T-019: never open at the start: no list, no token; one request a second however many tokens come", async () => {
    remote.answer(() => new Response(null, { status: 503 }));
    const list = listOf();
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => outcome(() => list.isRevoked(named(1)))));
    expect(new Set(outcomes)).toEqual(new Set(["status_list_unavailable"]));
    for (let tick = 0; tick < 200; tick += 1) {
      later(0.01);
      await outcome(() => list.isRevoked(named(1)));
    }
    expect(remote.requests.length).toBeLessThanOrEqual(3);
  });

  it("stays closed when a list is held that its issuer does not stand by any more", async () => {
    const list = listOf({ maxStaleSeconds: 3_600 });
    await list.isRevoked(named(1));
    remote.answer(() => new Response(null, { status: 500 }));
    later(304);
    expect(await list.isRevoked(named(1))).toBe(false);
    later(2);
    expect(await outcome(() => list.isRevoked(named(1)))).toBe("status_list_unavailable");
  });

  it("opens only by options that say so", async () => {
    remote.answer(() => new Response(null, { status: 500 }));
    expect(await listOf({ whenUnavailable: "accept_unchecked" }).isRevoked(named(1))).toBe(false);
    expect(await outcome(() => listOf().isRevoked({}))).toBe("token_claim");
    expect(listOf({ withoutStatus: "accept_unchecked" }).isRevoked({})).toBe(false);
    expect(remote.requests).toHaveLength(1);
  });

  it("takes nothing back for a node that is behind: an older list adds, a newer one replaces", async () => {
    const list = listOf();
    later(100);
    remote.serve({ revoked: [1] });
    expect(await list.isRevoked(named(1))).toBe(true);
    later(4);
    const older = Math.floor(remote.clock.nowMs() / 1000) - 20;
    remote.serve({ revoked: [2], claims: { iat: older } });
    expect([await list.isRevoked(named(1)), await list.isRevoked(named(2))]).toEqual([true, true]);
    later(4);
    remote.serve({ revoked: [2] });
    expect([await list.isRevoked(named(1)), await list.isRevoked(named(2))]).toEqual([false, true]);
  });

  it("does not freeze when the clock is set back", async () => {
    const list = listOf();
    await list.isRevoked(named(1));
    later(-1);
    remote.serve({ revoked: [1] });
    expect(await list.isRevoked(named(1))).toBe(true);
  });

  it("an issuer that hangs holds up one round of callers for the time limit, and nobody after that", async () => {
    const list = listOf({ timeoutMs: 30 });
    await list.isRevoked(named(1));
    remote.answer(() => new Promise(() => {}));
    later(4);
    const first = list.isRevoked(named(1));
    expect(first).toBeInstanceOf(Promise);
    expect(await first).toBe(false);
    later(2);
    expect(list.isRevoked(named(1))).toBe(false);
  });

  it.each<[string, ListInput]>([
    ["another key's signature", { by: other }],
    ["an unknown kid", { header: { kid: "two" } }],
    ["an access token", { header: { typ: "at+jwt" } }],
    ["no typ", { header: { typ: undefined } }],
    ["alg none", { header: { alg: "none" } }],
    ["HS256", { header: { alg: "HS256" } }],
    ["a key of its own", { header: { jwk: key.jwk } }],
    ["an unknown crit", { header: { crit: ["x"] } }],
    ["another issuer", { claims: { iss: "https://evil.example" } }],
    ["no issuer", { claims: { iss: undefined } }],
    ["another list", { claims: { sub: `${uri}1` } }],
    ["no subject", { claims: { sub: undefined } }],
    ["from the future", { claims: { iat: issuedAt + 60 } }],
    ["no time", { claims: { iat: undefined } }],
    ["expired", { claims: { exp: issuedAt - 6 } }],
    ["without an end", { claims: { exp: undefined } }],
    ["a ttl of nothing", { claims: { ttl: 0 } }],
    ["no list", { claims: { status_list: undefined } }],
    ["three bits", { claims: { status_list: { bits: 3, lst: lstOf([]) } } }],
    ["bits as text", { claims: { status_list: { bits: "1", lst: lstOf([]) } } }],
    ["keys that are none", { claims: { withdrawn_kids: [1] } }],
    ["no lst", { claims: { status_list: { bits: 1 } } }],
    ["padded base64", { claims: { status_list: { bits: 1, lst: `${lstOf([])}=` } } }],
    ["no zlib stream", { claims: { status_list: { bits: 1, lst: "AAAA" } } }],
    ["a cut zlib stream", { claims: { status_list: { bits: 1, lst: lstOf([1, 500]).slice(0, 16) } } }],
    ["something behind the stream", { claims: { status_list: { bits: 1, lst: `${lstOf([1]).slice(0, 16)}AAAA` } } }],
    ["gzip", { claims: { status_list: { bits: 1, lst: "H4sIAAAAAAAAA2NgAAAAAAAA" } } }],
  ])("refuses a list with %s", async (_name, input) => {
    remote.serve(input);
    expect(await outcome(() => listOf().isRevoked(named(1)))).toBe("status_list_unavailable");
  });

  it("T-058: refuses a small list that unfolds to a large one, and a large answer, without reading them to the end", async () => {
    const bomb = deflateSync(Buffer.alloc(64 * 2 ** 20)).toString("base64url");
    remote.serve({ claims: { status_list: { bits: 1, lst: bomb } } });
    expect(await outcome(() => listOf().isRevoked(named(1)))).toBe("status_list_unavailable");
    expect((polls.at(-1)?.error?.detail as { reason?: string }).reason).toBe("The status list is too large.");
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(65_536).fill(65));
      },
    });
    remote.answer(() => new Response(endless));
    expect(await outcome(() => listOf().isRevoked(named(1)))).toBe("status_list_unavailable");
    expect(sent).toBeLessThan(80);
  });

  it.each([
    "https://evil.example/list/0",
    "http://app.example.com/list/0",
    "https://user@app.example.com/x",
    "/x",
    "",
    "%",
  ])("T-061: does not fetch what a token names elsewhere: %j", async (elsewhere) => {
    expect(await outcome(() => listOf().isRevoked(named(1, elsewhere)))).toBe("token_claim");
    expect(remote.requests).toHaveLength(0);
  });

  it("refuses to start with options that mean nothing", () => {
    const bad: Partial<StatusListOptions>[] = [
      { issuer: "http://app.example.com" },
      { origin: "ftp://x" },
      { maxAgeSeconds: 0 },
      { maxStaleSeconds: Number.NaN },
      { timeoutMs: -1 },
      { whenUnavailable: "accept" as "refuse" },
      { withoutStatus: true as unknown as "refuse" },
    ];
    for (const options of bad) expect(() => listOf(options)).toThrow(TypeError);
  });

  it("an observer that throws changes nothing", async () => {
    const list = listOf({
      onPoll: () => {
        throw new Error("mine");
      },
    });
    expect(await list.isRevoked(named(1))).toBe(false);
  });
});

describe("a verifier with a status list", () => {
  const verifierOf = (statusList = listOf()) =>
    createAccessTokenVerifier({
      issuer,
      audience: "https://api.example.com",
      keys,
      clock: remote.clock,
      isRevoked: statusList.isRevoked,
    });
  const tokenAt = (idx: number) => signToken(key, goodClaims(named(idx)));

  it("T-056: the remembered token is cut off by its bit, and is synchronous before", async () => {
    const verifier = verifierOf();
    const token = tokenAt(3);
    expect(verifier.verifySync(token)).toBeUndefined();
    await verifier.verify(token);
    expect(verifier.verifySync(token)?.jti).toBe("token-1");
    remote.serve({ revoked: [3] });
    later(2.5);
    expect(verifier.verifySync(token)?.jti).toBe("token-1");
    await vi.waitFor(() => expect(() => verifier.verifySync(token)).toThrow());
    expect(await outcome(() => verifier.verify(token))).toBe("token_revoked");
  });

  it("says what is not available, and lets nobody pass for it", async () => {
    remote.answer(() => new Response(null, { status: 500 }));
    const verifier = verifierOf();
    const caught = await verifier.verify(tokenAt(3)).catch((error: unknown) => error as SegnoError);
    expect(isSegnoError(caught, "status_list_unavailable") && caught.info.status).toBe(503);
    expect(await outcome(() => verifier.verifySync(tokenAt(3)))).toBe("status_list_unavailable");
  });

  it("T-064: a key that its issuer took back is refused with the list, long before caches of the key set have run out", async () => {
    const next = testKey("two");
    const both = createLocalKeySet({ keys: [key.jwk, next.jwk] });
    const { isRevoked } = listOf({ keys: both });
    const options = { issuer, audience: "https://api.example.com", keys: both, clock: remote.clock, isRevoked };
    const verifier = createAccessTokenVerifier(options);
    const [old, good] = [key, next].map((by) =>
      signToken(by, goodClaims(named(3)), { alg: "ES256", typ: "at+jwt", kid: by.jwk.kid }),
    );
    await verifier.verify(old ?? "");
    expect(verifier.verifySync(old ?? "")).toBeDefined();
    remote.serve({ by: next, header: { kid: "two" }, claims: { withdrawn_kids: ["one"] } });
    later(3);
    expect(await outcome(() => verifier.verify(old ?? ""))).toBe("token_revoked");
    expect(await outcome(() => verifier.verify(good ?? ""))).toBe("accepted");
  });

  it("T-018: a status that cannot be understood is refused, whatever it is", async () => {
    const bad: unknown[] = [
      null,
      "x",
      [],
      {},
      { status_list: null },
      { status_list: {} },
      { status_list: { idx: 1 } },
      { status_list: { uri } },
      { status_list: { idx: -1, uri } },
      { status_list: { idx: 1.5, uri } },
      { status_list: { idx: "1", uri } },
      { status_list: { idx: 1, uri: "" } },
      { status_list: { idx: 1, uri: 5 } },
    ];
    const verifier = verifierOf();
    for (const status of bad) {
      expect(await outcome(() => verifier.verify(signToken(key, goodClaims({ status }))))).toBe("token_claim");
    }
    expect(await outcome(() => verifier.verify(signToken(key, goodClaims())))).toBe("token_claim");
    expect(remote.requests).toHaveLength(0);
  });

  it("looks at the list after everything else: a token that is no good asks for nothing", async () => {
    const spy = vi.fn(() => false);
    const verifier = createAccessTokenVerifier({
      issuer,
      audience: "https://api.example.com",
      keys,
      clock: remote.clock,
      isRevoked: spy,
    });
    await outcome(() => verifier.verify(signToken(other, goodClaims(named(1)))));
    await outcome(() => verifier.verify(signToken(key, goodClaims({ ...named(1), exp: issuedAt - 60 }))));
    expect(spy).not.toHaveBeenCalled();
  });
});
