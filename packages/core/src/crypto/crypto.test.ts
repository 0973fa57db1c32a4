import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { algorithmRow, type SigningAlgorithm } from "../tokens/algorithms.js";
import { signBytes, testKey } from "../tokens/token.double.js";
import { writeEcdsaDer } from "./ecdsa-der.js";
import { backend as node } from "./node.js";
import { backend as web } from "./web.js";

const algorithms: readonly SigningAlgorithm[] = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];

describe("the two backends", () => {
  it.each(algorithms)("agree about %s, signature and spoiled signature", async (alg) => {
    const row = algorithmRow(alg);
    if (row === undefined) throw new Error("unknown algorithm");
    const key = testKey("k", alg);
    const input = "some.text";
    const good = signBytes(key, input);
    const spoiled = Uint8Array.from(good, (byte, index) => (index === 9 ? byte ^ 1 : byte));
    for (const backend of [node, web]) {
      const imported = await backend.importPublicKey(key.jwk, row);
      expect(await backend.verify(imported, input, good)).toBe(true);
      expect(await backend.verify(imported, input, spoiled)).toBe(false);
      expect(await backend.verify(imported, "other.text", good)).toBe(false);
      if (backend.verifySync !== undefined) {
        expect(backend.verifySync(imported, input, good)).toBe(true);
        expect(backend.verifySync(imported, input, spoiled)).toBe(false);
      }
    }
  });

  it("agree about SHA-256", async () => {
    const expected = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    expect(await node.sha256("abc")).toBe(expected);
    expect(node.sha256Sync?.("abc")).toBe(expected);
    expect(await web.sha256("abc")).toBe(expected);
  });

  it("a key of one backend is no key for the other", async () => {
    const row = algorithmRow("ES256");
    if (row === undefined) throw new Error("unknown algorithm");
    const foreign = await web.importPublicKey(testKey("k").jwk, row);
    expect(() => node.verifySync?.(foreign, "a.b", new Uint8Array(64))).toThrow(TypeError);
  });

  it("inputs longer than the scratch buffer are checked all the same", async () => {
    const row = algorithmRow("ES256");
    if (row === undefined) throw new Error("unknown algorithm");
    const key = testKey("k");
    const input = "x".repeat(20_000);
    const imported = await node.importPublicKey(key.jwk, row);
    expect(node.verifySync?.(imported, input, signBytes(key, input))).toBe(true);
  });
});

describe("writeEcdsaDer", () => {
  it("writes minimal positive integers, over whatever the buffer held before", () => {
    const scratch = new Uint8Array(128);
    const integers = fc.oneof(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.nat({ max: 31 }).chain((zeros) =>
        fc.uint8Array({ minLength: 32 - zeros, maxLength: 32 - zeros }).map((rest) => {
          const bytes = new Uint8Array(32);
          bytes.set(rest, zeros);
          return bytes;
        }),
      ),
      fc.constant(new Uint8Array(32)),
    );
    fc.assert(
      fc.property(integers, integers, (r, s) => {
        scratch.fill(0xee);
        const length = writeEcdsaDer(new Uint8Array([...r, ...s]), 32, scratch);
        expect([...scratch.subarray(0, length)]).toEqual(plainDer(r, s));
      }),
      { numRuns: 1000 },
    );
  });
});

/** The same by the book: strip zeros, pad when the first bit is set. */
function plainDer(...integers: readonly Uint8Array[]): number[] {
  const body = integers.flatMap((bytes) => {
    const list = [...bytes];
    while (list.length > 1 && list[0] === 0) list.shift();
    if ((list[0] ?? 0) >= 0x80) list.unshift(0);
    return [2, list.length, ...list];
  });
  return [0x30, body.length, ...body];
}

it("node:crypto is imported by crypto/node.ts alone, and nothing reads the DOM", () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !/\.(test|test-d|double|suite)\.ts$/.test(file) && !/\.test\./.test(file),
  );
  expect(sources.length).toBeGreaterThan(20);
  const importers = sources.filter((file) => readFileSync(`${root}/${file}`, "utf8").includes('"node:'));
  expect(importers).toEqual(["crypto/node.ts"]);
  const dom = sources.filter((file) =>
    /\b(window|document|localStorage)\./.test(readFileSync(`${root}/${file}`, "utf8")),
  );
  expect(dom).toEqual([]);
});
