import { describe, expect, it } from "vitest";
import { jwkThumbprint } from "./key.js";
import { normaliseHtu } from "./normalise-htu.js";

describe("normaliseHtu", () => {
  it.each([
    ["https://A.Example.com:443/x", "https://a.example.com/x"],
    ["HTTP://a.example.com:80", "http://a.example.com/"],
    ["http://a.example.com:8080/x?y#z", "http://a.example.com:8080/x"],
    ["https://a.example.com/a/../b/./c", "https://a.example.com/b/c"],
    ["https://a.example.com/%7euser/%2f%e4", "https://a.example.com/~user/%2F%E4"],
    ["https://a.example.com/x/", "https://a.example.com/x/"],
  ])("%s -> %s", (given, expected) => {
    expect(normaliseHtu(given)).toBe(expected);
    expect(normaliseHtu(expected)).toBe(expected);
  });

  it.each([
    "",
    "x",
    "/x",
    "//a.example.com/x",
    "javascript:1",
    "https://u@a.example.com/",
    "https://:p@a.example.com/",
  ])("refuses %j", (given) => {
    expect(normaliseHtu(given)).toBeUndefined();
  });
});

describe("jwkThumbprint", () => {
  it("gives the value of RFC 7638 section 3.1", async () => {
    const n =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    const jwk = { kty: "RSA", n, e: "AQAB", alg: "RS256", kid: "2011-04-29" };
    expect(await jwkThumbprint(jwk)).toBe("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  });

  it("refuses what has no thumbprint", async () => {
    for (const jwk of [{}, { kty: "EC" }, { kty: "nope", x: "AA" }]) {
      await expect(jwkThumbprint(jwk)).rejects.toThrow(TypeError);
    }
  });
});
