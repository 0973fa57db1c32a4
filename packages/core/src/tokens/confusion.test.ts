// Keys and algorithms mistaken for each other: what broke other verifiers (RFC 8725 section 2).
import { createHmac, createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encodeBase64Url } from "../base64url.js";
import type { JwkSet } from "./jwk.js";
import { createLocalKeySet } from "./local-key-set.js";
import {
  audience,
  encodeText,
  goodClaims,
  goodHeader,
  issuer,
  outcome,
  signToken,
  type TestKey,
  testKey,
  turnableClock,
} from "./token.double.js";
import { createAccessTokenVerifier } from "./verify-access-token.js";

const ec = testKey("key-1");
const rsa = testKey("key-2", "RS256");
const keys = createLocalKeySet({ keys: [ec.jwk, rsa.jwk] });
const publicKeyOf = ({ privateKey }: TestKey) => createPublicKey(privateKey);
const clock = turnableClock();
const verifier = createAccessTokenVerifier({
  issuer,
  audience,
  keys,
  clock,
  algorithms: ["ES256", "RS256", "PS256", "EdDSA"],
});

describe("keys and algorithms mistaken for each other", () => {
  it("T-051: no spelling of the public key is an HMAC secret", async () => {
    for (const key of [ec, rsa]) {
      const publicKey = publicKeyOf(key);
      const { x, n } = key.jwk as { x?: string; n?: string };
      const type = key === rsa ? ["spki", "pkcs1"] : ["spki"];
      const pems = type.map((one) => String(publicKey.export({ format: "pem", type: one as "spki" })));
      const secrets = [
        ...pems,
        ...pems.map((pem) => pem.trim()),
        ...pems.map((pem) => `\n${pem}`),
        ...pems.map((pem) => pem.replaceAll("\n", "")),
        publicKey.export({ format: "der", type: "spki" }),
        JSON.stringify(key.jwk),
        Buffer.from(x ?? n ?? "", "base64url"),
        x ?? n ?? "",
        "",
      ];
      for (const alg of ["HS256", "HS384", "HS512"]) {
        for (const secret of secrets) {
          const input = `${encodeText(JSON.stringify(goodHeader(key, { alg })))}.${encodeText(JSON.stringify(goodClaims()))}`;
          const mac = createHmac(`sha${alg.slice(2)}`, secret)
            .update(input)
            .digest();
          expect(await outcome(() => verifier.verify(`${input}.${encodeBase64Url(mac)}`))).toBe("token_algorithm");
        }
      }
    }
  });

  it("T-051: a key serves the algorithm of its own type alone, whatever the header says", async () => {
    for (const [key, algorithms] of [
      [ec, ["RS256", "PS256", "EdDSA", "ES384", "ES512", "ES256K"]],
      [rsa, ["ES256", "EdDSA", "PS256", "RS384", "RS1"]],
    ] as const) {
      for (const alg of algorithms) {
        const token = signToken(key, goodClaims(), goodHeader(key, { alg }));
        // of the wrong length for the algorithm, its signature is refused before a key is looked for
        const refused = ["token_key_unknown", "token_algorithm", "token_signature"];
        expect(refused, alg).toContain(await outcome(() => verifier.verify(token)));
      }
    }
    const crossed = signToken(ec, goodClaims(), goodHeader(ec, { kid: "key-2" }));
    expect(await outcome(() => verifier.verify(crossed))).toBe("token_key_unknown");
  });

  it("T-052: text is no key, whatever comes before its armour", () => {
    const pem = String(publicKeyOf(rsa).export({ format: "pem", type: "spki" }));
    const texts = ["", " ", "\n", "\ufeff", "\t\r\n", "# comment\n", "-----BEGIN X-----\n"].map((start) => start + pem);
    for (const text of [...texts, pem.replaceAll("\n", "\r\n"), pem.toLowerCase(), "c2VjcmV0"]) {
      for (const set of [text, { keys: text }, { keys: [text] }, { keys: [{ kty: "oct", k: text, kid: "a" }] }]) {
        expect(() => createLocalKeySet(set as unknown as JwkSet)).toThrow(TypeError);
      }
      const usable = { kty: "RSA", kid: "a", n: text, e: "AQAB" };
      expect(() => createLocalKeySet({ keys: [usable] } as unknown as JwkSet)).toThrow();
    }
  });

  it("T-057: no option is a pattern", () => {
    for (const wrong of [{ issuer: /./ }, { audience: /./ }, { audience: [/./g] }, { algorithms: [/ES/] }]) {
      expect(() =>
        createAccessTokenVerifier({ issuer, audience, keys, clock, ...wrong } as unknown as Parameters<
          typeof createAccessTokenVerifier
        >[0]),
      ).toThrow(TypeError);
    }
  });

  it("T-059: password-based key derivation is refused in under five milliseconds, whatever its count", async () => {
    let quickest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < 10; index += 1) {
      const header = { alg: "PBES2-HS512+A256KW", enc: "A256GCM", p2c: 2 ** 31 - 1, p2s: "AAAA", kid: `k${index}` };
      const parts = [JSON.stringify(header), "a", "b", "c", "d"].map(encodeText);
      for (const token of [parts.join("."), parts.slice(0, 3).join(".")]) {
        const from = performance.now();
        expect(await outcome(() => verifier.verify(token))).toMatch(/^token_(malformed|algorithm)$/);
        quickest = Math.min(quickest, performance.now() - from);
      }
    }
    expect(quickest).toBeLessThan(5);
  });
});
