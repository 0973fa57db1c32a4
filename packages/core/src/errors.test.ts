import { describe, expect, it } from "vitest";
import { errorCodes, errorInfo, isSegnoError, SegnoError } from "./errors.js";

describe("the code table", () => {
  it("is append-only: these codes exist for good", () => {
    expect(errorCodes).toMatchInlineSnapshot(`
      [
        "invalid_input",
        "payload_too_large",
        "unsupported_media_type",
        "not_found",
        "method_not_allowed",
        "origin_not_allowed",
        "conflict",
        "rate_limited",
        "unauthenticated",
        "session_expired",
        "forbidden",
        "insufficient_scope",
        "insufficient_user_authentication",
        "account_unavailable",
        "attempt_expired",
        "attempt_unknown",
        "attempt_consumed",
        "too_many_tries",
        "wrong_browser",
        "wrong_code",
        "email_taken",
        "sign_up_closed",
        "passkey_rejected",
        "passkey_unknown",
        "passkey_exists",
        "last_factor",
        "invalid_token",
        "token_malformed",
        "token_algorithm",
        "token_type",
        "token_key_unknown",
        "token_signature",
        "token_claim",
        "token_issuer",
        "token_audience",
        "token_expired",
        "token_not_yet_valid",
        "token_revoked",
        "invalid_dpop_proof",
        "use_dpop_nonce",
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_token_type",
        "invalid_scope",
        "invalid_target",
        "key_unavailable",
        "key_set_unavailable",
        "status_list_unavailable",
        "store_unavailable",
        "audit_unavailable",
        "internal",
        "network",
        "timeout",
        "unexpected_response",
        "passkey_cancelled",
        "passkey_unsupported",
      ]
    `);
  });

  it("has a complete row for every code, in words for the end user", () => {
    for (const code of errorCodes) {
      const info = errorInfo(code);
      expect(info.code).toBe(code);
      expect(errorCodes).toContain(info.wireCode);
      expect(info.status === 0 || (info.status >= 400 && info.status < 600)).toBe(true);
      expect(info.title).toMatch(/^[A-Z].*\.$/);
      expect(info.oauthCode).toMatch(/^[a-z_]+$/);
      expect(new SegnoError(code).retryable).toBe(info.retry === "after_delay");
    }
  });

  it("shows one face to the outside for causes that must look equal", () => {
    const face = (code: (typeof errorCodes)[number]) => ({ ...errorInfo(code), code: undefined });
    const tokenCodes = errorCodes.filter((code) => code.startsWith("token_"));
    expect(tokenCodes.length).toBeGreaterThan(10);
    for (const code of tokenCodes) expect(face(code)).toEqual(face("invalid_token"));
    for (const code of ["attempt_unknown", "attempt_consumed", "too_many_tries"] as const) {
      expect(face(code)).toEqual(face("attempt_expired"));
    }
    expect(face("session_expired")).toEqual(face("unauthenticated"));
  });

  it("a wire code stands for itself", () => {
    for (const code of errorCodes) {
      const { wireCode } = errorInfo(code);
      expect(errorInfo(wireCode).wireCode).toBe(wireCode);
      expect(errorInfo(wireCode).status).toBe(errorInfo(code).status);
    }
  });

  it("an error tells its own row", () => {
    for (const code of errorCodes) expect(new SegnoError(code).info).toEqual(errorInfo(code));
  });
});

describe("SegnoError", () => {
  it("carries code, detail, cause and retry time", () => {
    const cause = new Error("inner");
    const error = new SegnoError("rate_limited", "slow down", { detail: { limit: 5 }, cause, retryAfterSeconds: 9 });
    expect(error).toMatchObject({ name: "SegnoError", code: "rate_limited", message: "slow down", cause });
    expect(error).toMatchObject({ detail: { limit: 5 }, retryAfterSeconds: 9, retryable: true });
    expect(error.info.status).toBe(429);
    expect("cause" in new SegnoError("internal")).toBe(false);
  });

  it("is recognised by brand, also from another copy of the package", () => {
    class Foreign extends Error {
      readonly code = "invalid_grant";
    }
    const foreign = new Foreign();
    expect(isSegnoError(foreign)).toBe(false);
    Object.defineProperty(foreign, Symbol.for("segno.error/1"), { value: true });
    expect(isSegnoError(foreign)).toBe(true);
    expect(isSegnoError(foreign, "invalid_grant")).toBe(true);
    expect(isSegnoError(foreign, "conflict")).toBe(false);
    for (const other of [null, undefined, 7, "invalid_grant", {}, new Error("x")])
      expect(isSegnoError(other)).toBe(false);
  });

  it("takes in anything that was thrown", () => {
    const ours = new SegnoError("conflict");
    expect(SegnoError.from(ours)).toBe(ours);
    for (const thrown of [new Error("x"), "x", undefined, null]) {
      const error = SegnoError.from(thrown);
      expect(error.code).toBe("internal");
      expect(error.cause).toBe(thrown);
    }
  });

  it("T-045: shares nothing between errors", () => {
    const first = new SegnoError("invalid_input", undefined, { detail: { path: "a" } });
    const second = new SegnoError("invalid_input");
    expect(second.detail).toEqual({});
    expect(first.detail).not.toBe(second.detail);
  });
});
