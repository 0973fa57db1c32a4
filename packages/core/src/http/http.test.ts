import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCodes, SegnoError } from "../errors.js";
import { challengeHeader } from "./challenge.js";
import { toProblem } from "./problem.js";

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

  it("name retry time and fields when there are some", () => {
    const fields = [{ path: "email", message: "Not an address." }];
    const error = new SegnoError("rate_limited", undefined, { retryAfterSeconds: 3 });
    expect(toProblem(error, "r-1", fields)).toMatchObject({ retry: { when: "after_delay", afterSeconds: 3 }, fields });
    expect("fields" in toProblem(error, "r-1", [])).toBe(false);
  });

  it("never show a browser-only code as a status of 0", () => {
    expect(toProblem(new SegnoError("network"), "r").status).toBe(500);
  });
});
