import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCbor } from "./cbor.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("encodeCbor", () => {
  it.each([
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65_536, "1a00010000"],
    [4_294_967_295, "1affffffff"],
    [-1, "20"],
    [-7, "26"],
    [-257, "390100"],
    ["none", "646e6f6e65"],
  ])("encodes %s as RFC 8949 appendix A does", (value, expected) => {
    expect(hex(encodeCbor(value))).toBe(expected);
  });

  it("encodes maps in the order given", () => {
    expect(
      hex(
        encodeCbor(
          new Map<number | string, number>([
            [1, 2],
            ["a", -1],
          ]),
        ),
      ),
    ).toBe("a2010261" + "6120");
  });

  it("writes the length of any byte string in the shortest head", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), (bytes) => {
        const encoded = encodeCbor(bytes);
        const headBytes = bytes.length < 24 ? 1 : bytes.length < 256 ? 2 : bytes.length < 65_536 ? 3 : 5;
        return (
          encoded.length === bytes.length + headBytes &&
          encoded.subarray(headBytes).every((byte, at) => byte === bytes[at])
        );
      }),
    );
  });

  it("refuses what it cannot encode", () => {
    expect(() => encodeCbor(1.5)).toThrow(TypeError);
    expect(() => encodeCbor(2 ** 32)).toThrow(TypeError);
  });
});
