import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { JwkSet, PublicJwk } from "./jwk.js";
import { validateJwkSet } from "./key-set.js";
import { createLocalKeySet } from "./local-key-set.js";
import { type TestKey, testKey } from "./token.double.js";

const key: TestKey = testKey("key-1");
const set = (...keys: readonly PublicJwk[]): JwkSet => ({ keys });

describe("validateJwkSet", () => {
  it("T-063: refuses private and symmetric material, whatever the key's use", () => {
    for (const member of ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]) {
      for (const use of ["sig", "enc", undefined]) {
        const leaky = { ...testKey("other").jwk, use, [member]: "AA" };
        expect(() => validateJwkSet(set(key.jwk, leaky)), member).toThrow("private");
      }
    }
    expect(() => validateJwkSet(set(key.jwk, { kty: "oct", kid: "s", k: "c2VjcmV0" } as PublicJwk))).toThrow(TypeError);
  });

  it("takes a private member that is undefined as absent, as workerd exports public keys", () => {
    expect(validateJwkSet({ keys: [{ ...key.jwk, d: undefined }] })).toHaveLength(1);
    expect(() => validateJwkSet({ keys: [{ ...key.jwk, d: null }] })).toThrow("private");
  });

  it("T-063: refuses a kid used twice, also by keys of different types or without one", () => {
    expect(() => validateJwkSet(set(key.jwk, testKey("key-1", "RS256").jwk))).toThrow("twice");
    expect(() => validateJwkSet(set({ ...key.jwk, kid: undefined }, { ...key.jwk, kid: undefined }))).toThrow("twice");
  });

  it.each([
    null,
    7,
    "keys",
    {},
    { keys: {} },
    { keys: [null] },
    { keys: ["x"] },
    { keys: [{ kty: "EC", kid: 7 }] },
    { keys: Array.from({ length: 101 }, () => ({})) },
  ])("refuses what is no key set: %#", (value) => {
    expect(() => validateJwkSet(value)).toThrow(TypeError);
  });

  it("passes over keys for other uses and of unknown types", () => {
    const others: readonly PublicJwk[] = [
      { ...testKey("enc").jwk, use: "enc" },
      { ...testKey("ops").jwk, key_ops: ["sign"] },
      { ...testKey("odd").jwk, key_ops: "verify" as unknown as readonly string[] },
      { kty: "AKP", kid: "future", alg: "ML-DSA-44" },
      { ...testKey("mismatch").jwk, alg: "ES384" },
      { kty: "EC", crv: "secp256k1", kid: "k1" },
    ];
    const usable = validateJwkSet(set(...others, { ...key.jwk, key_ops: ["verify"] }));
    expect(usable.map(({ kid }) => kid)).toEqual(["key-1"]);
  });

  it("refuses RSA keys below 2048 bits", () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
    expect(() => validateJwkSet(set({ ...weak, kid: "weak" }))).toThrow("2048");
    expect(() => validateJwkSet(set({ kty: "RSA", kid: "none", e: "AQAB" }))).toThrow("2048");
    const { n = "" } = weak;
    const padded = Buffer.concat([Buffer.alloc(256), Buffer.from(n, "base64url")]).toString("base64url");
    for (const text of [padded, `${"A".repeat(400)}${n}`, `${n}${" ".repeat(400)}`, "=".repeat(400), "!".repeat(400)]) {
      expect(() => validateJwkSet(set({ ...weak, n: text, kid: "weak" }))).toThrow("2048");
    }
  });
});

describe("createLocalKeySet", () => {
  it("finds by kid and algorithm, at once on Node", async () => {
    const keys = createLocalKeySet(set(key.jwk, testKey("rsa", "RS256").jwk));
    expect(keys.current({ kid: "key-1", alg: "ES256" })?.kid).toBe("key-1");
    expect(keys.current({ kid: "key-1", alg: "ES384" })).toBeUndefined();
    expect((await keys.resolve({ kid: "rsa", alg: "RS256" }))?.alg).toBe("RS256");
    expect(await keys.resolve({ kid: "__proto__", alg: "RS256" })).toBeUndefined();
  });

  it("T-052: a key is what its JWK says: a point off the curve or a PEM is no key", () => {
    expect(() => createLocalKeySet(set({ ...key.jwk, x: key.jwk.y }))).toThrow();
    const pem = "\n-----BEGIN PUBLIC KEY-----";
    expect(() => createLocalKeySet(pem as unknown as JwkSet)).toThrow(TypeError);
    expect(() => createLocalKeySet({ keys: [pem] } as unknown as JwkSet)).toThrow(TypeError);
  });
});
