import { afterEach, describe, expect, it, vi } from "vitest";
import { backend } from "#crypto";
import { encodeBase64Url } from "../base64url.js";
import type { SigningAlgorithm } from "./algorithms.js";
import { rememberedTokensSuite } from "./remembered-tokens.suite.js";
import { tokenSpellingsSuite } from "./token-spellings.suite.js";
import { createLocalKeySet } from "./local-key-set.js";
import {
  audience,
  encodeText,
  goodClaims,
  goodHeader,
  issuedAt,
  issuer,
  outcome,
  signTexts,
  signToken,
  testKey,
  turnableClock,
} from "./token.double.js";
import { key, verifierWith } from "./verifier.double.js";
import { type AccessTokenVerifierOptions } from "./verify-access-token.js";

/** The behaviour of the verifier, whichever crypto backend is under it. */
export function accessTokenSuite(expectedBackend: "node" | "web"): void {
  const isSync = expectedBackend === "node";
  afterEach(() => vi.restoreAllMocks());

  it(`runs on the ${expectedBackend} backend`, () => {
    expect(backend.name).toBe(expectedBackend);
  });

  it("accepts a good token and gives its claims, frozen", async () => {
    const claims = await verifierWith().verify(signToken(key));
    expect(claims).toEqual(goodClaims());
    expect(Object.isFrozen(claims)).toBe(true);
    expect(Object.isFrozen(claims.amr)).toBe(true);
  });

  it("decides without waiting where the platform can, and says so where it cannot", async () => {
    const verifier = verifierWith();
    await verifier.verify(signToken(key));
    const claims = verifier.verifySync(signToken(key, goodClaims({ jti: "token-2" })));
    if (isSync) expect(claims?.jti).toBe("token-2");
    else expect(claims).toBeUndefined();
  });

  it("accepts typ with its application/ prefix and an audience among several", async () => {
    const token = signToken(key, goodClaims({ aud: ["x", audience] }), goodHeader(key, { typ: "application/at+jwt" }));
    expect((await verifierWith({ audience: ["y", audience] }).verify(token)).sub).toBe("user-1");
  });

  it("finds the only fitting key for a token without kid, and none among two", async () => {
    const token = signToken(key, goodClaims(), { alg: "ES256", typ: "at+jwt" });
    expect(await outcome(() => verifierWith().verify(token))).toBe("accepted");
    const two = createLocalKeySet({ keys: [key.jwk, testKey("key-2").jwk] });
    expect(await outcome(() => verifierWith({ keys: two }).verify(token))).toBe("token_key_unknown");
  });

  describe("algorithms", () => {
    it.each<SigningAlgorithm>(["ES256", "ES384", "EdDSA", "Ed25519", "RS256", "PS256"])(
      "checks %s when it is allowed, and refuses it when it is not",
      async (alg) => {
        const own = testKey("own", alg);
        const set = createLocalKeySet({ keys: [own.jwk] });
        const token = signToken(own);
        expect(await outcome(() => verifierWith({ keys: set, algorithms: [alg] }).verify(token))).toBe("accepted");
        const other = alg === "ES256" ? "ES384" : "ES256";
        expect(await outcome(() => verifierWith({ keys: set, algorithms: [other] }).verify(token))).toBe(
          "token_algorithm",
        );
        const spoiled = `${token.slice(0, -6)}AAAAAA`;
        const spoiledOutcome = await outcome(() => verifierWith({ keys: set, algorithms: [alg] }).verify(spoiled));
        expect(["token_signature", "token_malformed"]).toContain(spoiledOutcome);
      },
    );

    it("T-051: refuses none, HMAC and a key of another type than the algorithm names", async () => {
      for (const alg of ["none", "HS256", "HS512"]) {
        expect(await outcome(() => verifierWith().verify(signToken(key, goodClaims(), goodHeader(key, { alg }))))).toBe(
          "token_algorithm",
        );
      }
      const rsa = testKey("key-1", "RS256");
      const asPs = signToken(rsa, goodClaims(), goodHeader(rsa, { alg: "PS256" }));
      const rsaSet = createLocalKeySet({ keys: [rsa.jwk] });
      const both = verifierWith({ keys: rsaSet, algorithms: ["RS256", "PS256", "ES256"] });
      expect(await outcome(() => both.verify(asPs))).toBe("token_key_unknown");
      expect(await outcome(() => both.verify(signToken(key)))).toBe("token_key_unknown");
    });

    it("T-053: a key without alg is used only with the configured algorithms", async () => {
      const rsa = testKey("rsa", "RS256");
      const { alg: _own, ...jwk } = rsa.jwk;
      const set = createLocalKeySet({ keys: [jwk] });
      const token = signToken(rsa, goodClaims(), goodHeader(rsa, { alg: "RS256" }));
      expect(await outcome(() => verifierWith({ keys: set, algorithms: ["RS256"] }).verify(token))).toBe("accepted");
      expect(await outcome(() => verifierWith({ keys: set, algorithms: ["PS256"] }).verify(token))).toBe(
        "token_algorithm",
      );
      expect(await outcome(() => verifierWith({ keys: set }).verify(token))).toBe("token_algorithm");
    });

    it("T-054: refuses every spelling of none, with and without a signature part", async () => {
      for (const alg of ["none", "NONE", "None", "nOnE", ""]) {
        const input = `${encodeText(JSON.stringify(goodHeader(key, { alg })))}.${encodeText(JSON.stringify(goodClaims()))}`;
        for (const token of [input, `${input}.`, `${input}.AAAA`]) {
          expect(["token_algorithm", "token_malformed"]).toContain(await outcome(() => verifierWith().verify(token)));
        }
      }
    });

    it("T-059: refuses JWE algorithms at once", async () => {
      const token = signToken(key, goodClaims(), goodHeader(key, { alg: "PBES2-HS256+A128KW", p2c: 2_147_483_647 }));
      expect(await outcome(() => verifierWith().verify(token))).toBe("token_algorithm");
    });
  });

  describe("keys a token brings", () => {
    it.each(["jwk", "jku", "x5u", "x5c"])("T-061: refuses a header with %s", async (name) => {
      const token = signToken(
        key,
        goodClaims(),
        goodHeader(key, { [name]: name === "jwk" ? key.jwk : "https://evil" }),
      );
      expect(await outcome(() => verifierWith().verify(token))).toBe("token_malformed");
    });

    it.each(["../../dev/null", "a' OR 1=1--", "k".repeat(129), "", 7, null, ["key-1"]])(
      "T-061: refuses kid %j",
      async (kid) => {
        const token = signToken(key, goodClaims(), goodHeader(key, { kid }));
        expect(await outcome(() => verifierWith().verify(token))).toBe("token_malformed");
      },
    );

    it("T-060: the key look-up sees kid and allowed algorithm, nothing of the payload", async () => {
      const asked: unknown[] = [];
      const spy = { current: () => undefined, resolve: async (query: unknown) => void asked.push(query) };
      const token = signToken(key);
      expect(await outcome(() => verifierWith({ keys: spy as never }).verify(token))).toBe("token_key_unknown");
      expect(asked).toEqual([{ kid: "key-1", alg: "ES256" }]);
    });
  });

  describe("token type", () => {
    it.each([
      "JWT",
      "jwt",
      "id_token+jwt",
      "logout+jwt",
      "dpop+jwt",
      "secevent+jwt",
      "AT+JWT ",
      "at+jwt;x",
      "",
      null,
      undefined,
      ["at+jwt"],
    ])("T-065: refuses typ %j", async (typ) => {
      const token = signToken(key, goodClaims(), goodHeader(key, { typ }));
      expect(await outcome(() => verifierWith().verify(token))).toBe("token_type");
    });
  });

  describe("claims", () => {
    const bad: Readonly<Record<string, readonly unknown[]>> = {
      iss: [null, "", 7, [issuer], `${issuer}/`, issuer.toUpperCase()],
      aud: [null, "", 7, [], [""], [7], [audience, 7], {}, "https://other.example"],
      sub: [null, "", 7, ["user-1"], {}],
      client_id: [null, "", 7],
      jti: [null, "", 7],
      sid: [null, "", 7],
      acr: [null, "", 2],
      scope: [null, 7, ["orders:read"]],
      amr: [null, "", "swk", [], [""], [1]],
      auth_time: [null, "", "1800000000", -1, true],
      iat: [null, "", "1800000000", -1, 1e300],
      exp: [null, "", "1800000300", -1, 1e300],
    };
    it.each(Object.keys(bad))(
      "T-018: refuses a token whose %s is absent, null, empty or of the wrong type",
      async (name) => {
        const { [name]: _gone, ...without } = goodClaims();
        expect(await outcome(() => verifierWith().verify(signToken(key, without)))).toMatch(/^token_/);
        for (const value of bad[name] ?? []) {
          const token = signToken(key, goodClaims({ [name]: value }));
          expect(await outcome(() => verifierWith().verify(token)), JSON.stringify(value)).toMatch(/^token_/);
        }
      },
    );

    it("T-066: iss as an array is refused even when it holds only the issuer", async () => {
      expect(await outcome(() => verifierWith().verify(signToken(key, goodClaims({ iss: [issuer] }))))).toBe(
        "token_issuer",
      );
    });

    it("T-018: an optional claim that is there must make sense", async () => {
      const jkt = encodeBase64Url(new Uint8Array(32));
      for (const cnf of [null, "x", {}, { jkt: 7 }, { jkt: "short" }, { jkt, jwk: {} }, []]) {
        expect(await outcome(() => verifierWith().verify(signToken(key, goodClaims({ cnf }))))).toBe("token_claim");
      }
      expect(await outcome(() => verifierWith().verify(signToken(key, goodClaims({ cnf: { jkt } }))))).toBe("accepted");
      for (const nbf of [null, "1", -1]) {
        expect(await outcome(() => verifierWith().verify(signToken(key, goodClaims({ nbf }))))).toBe("token_claim");
      }
      expect(await outcome(() => verifierWith().verify(signToken(key, goodClaims({ nbf: issuedAt + 6 }))))).toBe(
        "token_not_yet_valid",
      );
    });

    it("T-057: gives one answer over 10,000 repeats", async () => {
      const verifier = verifierWith();
      const good = signToken(key);
      const refused = signToken(key, goodClaims({ aud: `${"a".repeat(4000)}!` }));
      const subjects = new Set<string>();
      for (let repeat = 0; repeat < 10_000; repeat += 1) subjects.add((await verifier.verify(good)).sub);
      expect([...subjects]).toEqual(["user-1"]);
      for (let repeat = 0; repeat < 100; repeat += 1) {
        expect(await outcome(() => verifier.verify(refused))).toBe("token_audience");
      }
    });

    it("T-071: claims named __proto__ are refused and Object.prototype stays clean", async () => {
      const { iss, ...rest } = goodClaims();
      const payload = `{"iss":${JSON.stringify(iss)},"__proto__":{"polluted":true},${JSON.stringify(rest).slice(1)}`;
      const token = signTexts(key, JSON.stringify(goodHeader(key)), payload);
      expect(await outcome(() => verifierWith().verify(token))).toBe("token_malformed");
      const inherited = signTexts(
        key,
        JSON.stringify(goodHeader(key)),
        `{"__proto__":${JSON.stringify(goodClaims())}}`,
      );
      expect(await outcome(() => verifierWith().verify(inherited))).toBe("token_malformed");
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    });
  });

  describe("times", () => {
    it("holds exp, iat and nbf with exactly the stated tolerance", async () => {
      const at = (seconds: number, claims = {}) =>
        outcome(() => verifierWith({ clock: turnableClock(seconds) }).verify(signToken(key, goodClaims(claims))));
      expect(await at(issuedAt + 304.999)).toBe("accepted");
      expect(await at(issuedAt + 305)).toBe("token_expired");
      expect(await at(issuedAt - 5)).toBe("accepted");
      expect(await at(issuedAt - 5.001)).toBe("token_not_yet_valid");
      const strict = verifierWith({ clockToleranceSeconds: 0, clock: turnableClock(issuedAt + 300) });
      expect(await outcome(() => strict.verify(signToken(key)))).toBe("token_expired");
    });

    it("T-076: a token that expired stays refused when the clock goes back an hour", async () => {
      const clock = turnableClock();
      const verifier = verifierWith({ clock });
      const token = signToken(key);
      await verifier.verify(token);
      clock.turnTo(issuedAt + 600);
      expect(await outcome(() => verifier.verify(token))).toBe("token_expired");
      clock.turnTo(issuedAt + 600 - 3600);
      expect(await outcome(() => verifier.verify(token))).toBe("token_not_yet_valid");
      expect(await outcome(() => verifierWith({ clock }).verify(token))).toBe("token_not_yet_valid");
    });
  });

  tokenSpellingsSuite(isSync);
  rememberedTokensSuite(isSync);

  it("gives every one of many concurrent callers the answer to their own token", async () => {
    const verifier = verifierWith();
    const claimsOf = (index: number) => goodClaims({ sub: `user-${index}`, jti: `t-${index}` });
    const answers = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        const token = signToken(key, claimsOf(index));
        if (index % 4 === 0) return outcome(() => verifier.verify(`${token.slice(0, -8)}AAAAAAAA`));
        return (await verifier.verify(token)).sub;
      }),
    );
    for (const [index, answer] of answers.entries()) {
      if (index % 4 === 0) expect(["token_signature", "token_malformed"]).toContain(answer);
      else expect(answer).toBe(`user-${index}`);
    }
  });

  it("refuses options that would check nothing", () => {
    const wrong: readonly Partial<AccessTokenVerifierOptions>[] = [
      { issuer: "" },
      { audience: "" },
      { audience: [] },
      { audience: ["a", ""] },
      { clockToleranceSeconds: -1 },
      { clockToleranceSeconds: 61 },
      { clockToleranceSeconds: Number.NaN },
      { algorithms: [] },
      { algorithms: ["HS256" as SigningAlgorithm] },
      { cache: { maxEntries: 0 } },
    ];
    for (const options of wrong) expect(() => verifierWith(options)).toThrow(TypeError);
  });

  it("never puts the token into an error", async () => {
    const token = signToken(key, goodClaims({ aud: "https://other.example" }));
    const error: unknown = await verifierWith()
      .verify(token)
      .catch((caught: unknown) => caught);
    const shown = JSON.stringify(error, Object.getOwnPropertyNames(error as object)) + String(error);
    expect(shown).not.toContain(token.slice(0, 30));
    expect(shown).not.toContain("user-1");
  });
}
