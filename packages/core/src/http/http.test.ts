import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCodes, SegnoError } from "../errors.js";
import { challengeHeader } from "./challenge.js";
import { parseProblem, toProblem } from "./problem.js";

describe("challengeHeader", () => {
  it("names no error when nothing was presented (RFC 6750 section 3)", () => {
    expect(challengeHeader({ scheme: "Bearer", code: "unauthenticated" })).toBe("Bearer");
    expect(challengeHeader({ scheme: "Bearer", code: "unauthenticated", realm: "api" })).toBe('Bearer realm="api"');
    expect(challengeHeader({ scheme: "DPoP", code: "unauthenticated" })).toBe('DPoP algs="ES256 EdDSA"');
  });

  it("asks for step-up as RFC 9470 does", () => {
    const code = "insufficient_user_authentication";
    expect(challengeHeader({ scheme: "Bearer", code, acrValues: "phr", maxAgeSeconds: 600 })).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="phr", max_age=600',
    );
    expect(challengeHeader({ scheme: "Bearer", code, acrValues: ["phr", "phrh"], maxAgeSeconds: -1 })).toContain(
      'acr_values="phr phrh", max_age=0',
    );
  });

  it("gives one face to every refused token, and the DPoP codes their own", () => {
    for (const code of errorCodes.filter((name) => name.startsWith("token_"))) {
      expect(challengeHeader({ scheme: "Bearer", code })).toBe('Bearer error="invalid_token"');
    }
    expect(challengeHeader({ scheme: "DPoP", code: "use_dpop_nonce", algs: "ES256" })).toBe(
      'DPoP error="use_dpop_nonce", algs="ES256"',
    );
    expect(challengeHeader({ scheme: "Bearer", code: "insufficient_scope", scope: ["a", "b"] })).toBe(
      'Bearer error="insufficient_scope", scope="a b"',
    );
  });

  it("no value can end the header or its quotes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (realm) => {
        const header = challengeHeader({ scheme: "Bearer", code: "unauthenticated", realm });
        expect(header).toMatch(/^Bearer realm="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/);
      }),
    );
  });
});

describe("problems", () => {
  it("are built from the code table alone", () => {
    const error = new SegnoError("token_expired", "secret message", {
      detail: { token: "abc" },
      cause: new Error("x"),
    });
    expect(toProblem(error, "r-1")).toEqual({
      type: "urn:segno:error:invalid_token",
      title: "The access token is not valid.",
      status: 401,
      code: "invalid_token",
      requestId: "r-1",
      retry: { when: "after_sign_in" },
    });
  });

  it("come back as they went out", () => {
    const fields = [{ path: "email", message: "Not an address." }];
    for (const code of errorCodes) {
      const sent = toProblem(new SegnoError(code, undefined, { retryAfterSeconds: 3 }), "r-1", fields);
      expect(parseProblem(JSON.parse(JSON.stringify(sent)))).toEqual(sent);
    }
    const plain = toProblem(new SegnoError("conflict"), "r-1", []);
    expect("fields" in plain).toBe(false);
    expect(parseProblem(plain)).toEqual(plain);
  });

  it("never show a browser-only code as a status of 0", () => {
    expect(toProblem(new SegnoError("network"), "r").status).toBe(500);
  });

  it("anything else is no problem of ours", () => {
    const good = toProblem(new SegnoError("conflict"), "r-1");
    const bad: readonly unknown[] = [
      null,
      undefined,
      "x",
      7,
      {},
      { ...good, code: "nope" },
      { ...good, code: "toString" },
      { ...good, title: 7 },
      { ...good, status: "409" },
      { ...good, type: undefined },
      { ...good, requestId: null },
      { ...good, retry: undefined },
      { ...good, retry: { when: "whenever" } },
      { ...good, retry: "never" },
    ];
    for (const body of bad) expect(parseProblem(body), JSON.stringify(body)).toBeUndefined();
    const odd = parseProblem({ ...good, retry: { when: "never", afterSeconds: -1 }, fields: [null, { path: 1 }, "x"] });
    expect(odd).toEqual({ ...good, retry: { when: "never" } });
  });
});
