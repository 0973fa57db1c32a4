import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64Url, encodeBase64Url, randomBase64Url } from "./base64url.js";
import { backend as node } from "./crypto/node.js";
import { backend as web } from "./crypto/web.js";

const anyText = fc.string({
  unit: fc.constantFrom(..."ABCXYZabcxyz0123456789-_+/= \n.", "é"),
  maxLength: 40,
});

describe("base64url", () => {
  it("decodes what it encodes, and encodes as Node does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = encodeBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect([...decodeBase64Url(text)]).toEqual([...bytes]);
      }),
    );
  });

  it("T-062: accepts a text exactly when it is the canonical spelling of its bytes", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const isCanonical = Buffer.from(text, "base64url").toString("base64url") === text;
        expect(decodes(text)).toBe(isCanonical);
      }),
      { numRuns: 3000 },
    );
  });

  it("T-062: refuses padding, the other alphabet, blanks, impossible lengths and stray bits", () => {
    for (const text of ["QQ==", "QQ=", "+w", "/w", "Q Q", "QQ\n", "A", "AAAAA", "QR", "Qf", "QUF", "é", "QQ\u0000"]) {
      expect(() => decodeBase64Url(text), text).toThrow(TypeError);
    }
    expect(decodeBase64Url("")).toHaveLength(0);
    expect([...decodeBase64Url("QQ")]).toEqual([65]);
  });

  it("both backends decode text alike", () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.string({ unit: "binary" }).map(utf8));
    const texts = fc.oneof(anyText, bytes.map(encodeBase64Url), fc.constant(encodeBase64Url(utf8("\ufffd\ufeff"))));
    fc.assert(
      fc.property(texts, (text) => {
        expect(attempt(() => node.decodeText(text))).toBe(attempt(() => web.decodeText(text)));
      }),
      { numRuns: 2000 },
    );
    const long = encodeBase64Url(new Uint8Array(9000).fill(97));
    expect(node.decodeText(long)).toBe("a".repeat(9000));
  });

  it("makes random texts of the asked length that differ", () => {
    expect(decodeBase64Url(randomBase64Url(32))).toHaveLength(32);
    expect(randomBase64Url(16)).not.toBe(randomBase64Url(16));
  });
});

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function decodes(text: string): boolean {
  return attempt(() => decodeBase64Url(text)) !== "refused";
}

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch {
    return "refused";
  }
}
