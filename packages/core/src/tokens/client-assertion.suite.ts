import { beforeAll, describe, expect, it } from "vitest";
import type { PublicJwk } from "./jwk.js";
import type { KeySet } from "./key-set.js";
import { createLocalKeySet } from "./local-key-set.js";
import {
  encodeText,
  issuedAt as now,
  issuer,
  outcome,
  signBytes,
  signTexts,
  type TestKey,
  testKey,
  turnableClock,
} from "./token.double.js";
import { createRemoteKeySet } from "./remote-key-set.js";
import {
  type ClientAssertionUse,
  type ClientAssertionVerification,
  readClientAssertion,
  verifyClientAssertion,
} from "./verify-client-assertion.js";

const clientId = "orders-api";
let key: TestKey;
let other: TestKey;
let p384: TestKey;
let rsa: TestKey;
let keys: KeySet;

const good = (overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  iss: clientId,
  sub: clientId,
  aud: issuer,
  jti: "assertion-1",
  iat: now,
  exp: now + 60,
  ...overrides,
});
const header = (overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  alg: "ES256",
  kid: key.jwk.kid,
  ...overrides,
});
const sign = (
  claims: Readonly<Record<string, unknown>>,
  head: Readonly<Record<string, unknown>> = header(),
  by: TestKey = key,
): string => signTexts(by, JSON.stringify(head), JSON.stringify(claims));
const without = (claim: string): Record<string, unknown> => {
  const { [claim]: _, ...rest } = good();
  return rest;
};
const check = (assertion: string, more: Partial<ClientAssertionVerification> = {}) =>
  outcome(() =>
    verifyClientAssertion({ assertion, clientId, issuer, keys, nowSeconds: now, isReplay: () => false, ...more }),
  );
/** One replaced signature, header or payload text, signed or not. */
const parts = (assertion: string): [string, string, string] => assertion.split(".") as [string, string, string];

/** Every way a client assertion can be wrong that we thought of, by name. */
function corpus(): Readonly<Record<string, string>> {
  const [head, body, signature] = parts(sign(good()));
  const hmac = { ...header(), alg: "HS256" };
  const bits = { ...key.jwk, d: "AAAA" };
  return {
    "not a token": "nonsense",
    "two parts": `${head}.${body}`,
    "four parts": `${head}.${body}.${signature}.AAAA`,
    "five parts, as an encrypted token has": `${head}.${body}.${signature}.AAAA.AAAA`,
    "alg dir, as an encrypted token has": sign(good(), header({ alg: "dir", enc: "A256GCM" })),
    "alg PBES2 with a count": sign(good(), header({ alg: "PBES2-HS256+A128KW", p2c: 2 ** 31 })),
    "an empty signature": `${head}.${body}.`,
    "a signature cut short": `${head}.${body}.${signature.slice(0, 40)}`,
    "a padded spelling": `${head}=.${body}.${signature}`,
    "another spelling of the last byte": `${head}.${body}.${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : "A"}`,
    "a blank behind it": `${head}.${body}.${signature} `,
    "a payload of another assertion": `${head}.${parts(sign(good({ jti: "x" })))[1]}.${signature}`,
    "alg none": `${encodeText(JSON.stringify(header({ alg: "none" })))}.${body}.${signature}`,
    "alg None": `${encodeText(JSON.stringify(header({ alg: "None" })))}.${body}.${signature}`,
    "alg absent": sign(good(), { kid: key.jwk.kid }),
    "alg a list": sign(good(), header({ alg: ["ES256"] })),
    "HS256 with the public key as secret": `${encodeText(JSON.stringify(hmac))}.${body}.${signature}`,
    "RS256 with a key for ES256": sign(good(), header({ alg: "RS256" })),
    "ES384 with a key of P-256": sign(good(), header({ alg: "ES384" })),
    "an unlisted algorithm": sign(good(), { alg: "RS256", kid: rsa.jwk.kid }, rsa),
    "signed by a key that is not the client's": sign(good(), header(), other),
    "a kid that is not the client's": sign(good(), header({ kid: other.jwk.kid }), other),
    "a kid that is a path": sign(good(), header({ kid: "../../etc/passwd" })),
    "a kid that is SQL": sign(good(), header({ kid: "' or '1'='1" })),
    "its own key in jwk": sign(good(), header({ jwk: other.jwk }), other),
    "a private key in jwk": sign(good(), header({ jwk: bits })),
    "a key at jku": sign(good(), header({ jku: "https://evil.example/jwks.json" })),
    "a key at x5u": sign(good(), header({ x5u: "https://evil.example/x.pem" })),
    "a chain in x5c": sign(good(), header({ x5c: ["AAAA"] })),
    crit: sign(good(), header({ crit: ["exp"], exp: now + 60 })),
    zip: sign(good(), header({ zip: "DEF" })),
    "b64 false": sign(good(), header({ b64: false, crit: ["b64"] })),
    "typ of an access token": sign(good(), header({ typ: "at+jwt" })),
    "typ of a DPoP proof": sign(good(), header({ typ: "dpop+jwt" })),
    "typ of a logout token": sign(good(), header({ typ: "logout+jwt" })),
    "typ null": sign(good(), header({ typ: null })),
    "a member twice": signTexts(key, JSON.stringify(header()), JSON.stringify(good()).replace("{", '{"iss":"x",')),
    "a member called __proto__": signTexts(
      key,
      JSON.stringify(header()),
      JSON.stringify(good()).replace("{", '{"__proto__":{"iss":"x"},'),
    ),
    "a list as payload": signTexts(key, JSON.stringify(header()), "[]"),
    "iss absent": sign(without("iss")),
    "iss another client": sign(good({ iss: "billing-api" })),
    "iss a list": sign(good({ iss: [clientId] })),
    "iss empty": sign(good({ iss: "" })),
    "sub absent": sign(without("sub")),
    "sub a user": sign(good({ sub: "user-1" })),
    "iss and sub another client": sign(good({ iss: "billing-api", sub: "billing-api" })),
    "aud absent": sign(without("aud")),
    "aud null": sign(good({ aud: null })),
    "aud a list with the issuer alone": sign(good({ aud: [issuer] })),
    "aud the issuer and another server": sign(good({ aud: [issuer, "https://evil.example"] })),
    "aud the token endpoint": sign(good({ aud: `${issuer}/api/auth/oauth2/token` })),
    "aud with a slash more": sign(good({ aud: `${issuer}/` })),
    "aud another server": sign(good({ aud: "https://evil.example" })),
    "aud in capitals": sign(good({ aud: issuer.toUpperCase() })),
    "jti absent": sign(without("jti")),
    "jti empty": sign(good({ jti: "" })),
    "jti a number": sign(good({ jti: 7 })),
    "jti too long": sign(good({ jti: "x".repeat(257) })),
    "exp absent": sign(without("exp")),
    "exp a text": sign(good({ exp: String(now + 60) })),
    "exp negative": sign(good({ exp: -1 })),
    "exp gone": sign(good({ iat: now - 100, exp: now - 10 })),
    "exp more than five minutes ahead": sign(good({ exp: now + 311 })),
    "exp next year": sign(good({ exp: now + 31_536_000 })),
    "a life of more than five minutes": sign(good({ iat: now - 200, exp: now + 101 })),
    "iat absent": sign(without("iat")),
    "iat a text": sign(good({ iat: String(now) })),
    "iat ahead": sign(good({ iat: now + 11 })),
    "nbf ahead": sign(good({ nbf: now + 11 })),
    "nbf null": sign(good({ nbf: null })),
    "too long": sign(good({ padding: "x".repeat(8192) })),
  };
}

/** The whole behaviour, for each crypto backend. */
export function clientAssertionSuite(): void {
  beforeAll(() => {
    key = testKey("client-1");
    other = testKey("client-2");
    p384 = testKey("client-384", "ES384");
    rsa = testKey("client-rsa", "RS256");
    keys = createLocalKeySet({ keys: [key.jwk, p384.jwk, rsa.jwk] });
  });

  it("accepts what a client signs, and says what to remember", async () => {
    const uses: ClientAssertionUse[] = [];
    const isReplay = (use: ClientAssertionUse) => {
      uses.push(use);
      return false;
    };
    expect(await check(sign(good()), { isReplay })).toBe("accepted");
    expect(uses).toEqual([{ clientId, jti: "assertion-1", expiresAtSeconds: now + 70 }]);
    expect(readClientAssertion(sign(good()))).toBe(clientId);
    for (const typ of ["JWT", "client-authentication+jwt"]) {
      expect(await check(sign(good(), header({ typ })))).toBe("accepted");
    }
    expect(await check(sign(good(), { alg: "ES384", kid: p384.jwk.kid }, p384))).toBe("accepted");
    expect(await check(sign(good(), { alg: "ES256" }))).toBe("accepted");
    expect(await check(sign(good({ exp: now + 300, nbf: now })))).toBe("accepted");
    expect(await check(sign(good({ iat: now + 10, exp: now + 310 })))).toBe("accepted");
    expect(await check(sign(good(), { alg: "RS256", kid: rsa.jwk.kid }, rsa), { algorithms: ["RS256"] })).toBe(
      "accepted",
    );
  });

  it("T-051, T-054, T-055, T-058, T-059, T-060, T-061, T-065, T-066: refuses every bad kind, before it asks about replay", async () => {
    const bad = corpus();
    expect(Object.keys(bad).length).toBeGreaterThanOrEqual(60);
    for (const [name, assertion] of Object.entries(bad)) {
      let isAsked = false;
      const isReplay = () => {
        isAsked = true;
        return false;
      };
      expect(await check(assertion, { isReplay }), name).toBe("invalid_client");
      expect(isAsked, name).toBe(false);
    }
  });

  it("T-062: one spelling of an assertion is good, the others are not", async () => {
    const assertion = sign(good());
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(assertion.slice(-1));
    const spellings = Array.from({ length: 16 }, (_, bits) => assertion.slice(0, -1) + alphabet[(last & 48) | bits]);
    const accepted = [];
    for (const spelling of spellings) if ((await check(spelling)) === "accepted") accepted.push(spelling);
    expect(accepted).toEqual([assertion]);
  });

  it("T-053: a key without `alg` is used with listed algorithms alone", async () => {
    const { alg: _, ...bare } = rsa.jwk;
    const set = createLocalKeySet({ keys: [bare as PublicJwk] });
    const assertion = sign(good(), { alg: "RS256", kid: rsa.jwk.kid }, rsa);
    expect(await check(assertion, { keys: set })).toBe("invalid_client");
    expect(await check(assertion, { keys: set, algorithms: ["PS256"] })).toBe("invalid_client");
    expect(await check(assertion, { keys: set, algorithms: ["RS256"] })).toBe("accepted");
  });

  it("T-067: a use that was there before is refused, and so is one that cannot be looked up", async () => {
    expect(await check(sign(good()), { isReplay: () => true })).toBe("invalid_client");
    expect(await check(sign(good()), { isReplay: () => undefined as unknown as boolean })).toBe("invalid_client");
    const failing = () => {
      throw new Error("down");
    };
    expect(await check(sign(good()), { isReplay: failing })).toBe("store_unavailable");
  });

  it("a client that is not known, and a key that is not, are checked against keys nobody holds", async () => {
    const asked: unknown[] = [];
    const nobody = createLocalKeySet({ keys: [other.jwk] });
    const standIn: KeySet = {
      current: () => undefined,
      resolve: (query) => {
        asked.push(query);
        return nobody.resolve({ ...query, kid: other.jwk.kid });
      },
    };
    expect(await check(sign(good()), { keys: undefined, standIn })).toBe("invalid_client");
    expect(await check(sign(good(), header({ kid: "gone" })), { standIn })).toBe("invalid_client");
    expect(asked).toHaveLength(2);
    // the stand-in never lets anybody in, not even who holds its key
    expect(await check(sign(good(), header(), other), { keys: undefined, standIn })).toBe("invalid_client");
  });

  it("T-063, T-068: says so when the client's keys cannot be had, or hold private material", async () => {
    const clock = turnableClock(now);
    const answering = (body: unknown) =>
      createRemoteKeySet({ url: "https://client.example/jwks.json", clock, fetch: async () => Response.json(body) });
    expect(await check(sign(good()), { keys: answering({ keys: [key.jwk] }) })).toBe("accepted");
    expect(await check(sign(good()), { keys: answering({ keys: [{ ...key.jwk, d: "AAAA" }] }) })).toBe(
      "key_set_unavailable",
    );
    expect(await check(sign(good()), { keys: answering("nonsense") })).toBe("key_set_unavailable");
  });

  it("reads whose it claims to be only where that is one name", async () => {
    for (const claims of [without("iss"), good({ iss: [clientId] }), good({ iss: "" }), good({ sub: "x" })]) {
      expect(await outcome(() => readClientAssertion(sign(claims)))).toBe("invalid_client");
    }
    expect(await outcome(() => readClientAssertion("nonsense"))).toBe("invalid_client");
  });

  describe("T-071: names of the language", () => {
    it("are claims like any other", async () => {
      const strange = signTexts(
        key,
        JSON.stringify(header()),
        JSON.stringify(good()).replace("{", '{"constructor":{"prototype":{"x":1}},'),
      );
      expect(await check(strange)).toBe("accepted");
      expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
      expect(signBytes(key, "x")).toHaveLength(64);
    });
  });
}
