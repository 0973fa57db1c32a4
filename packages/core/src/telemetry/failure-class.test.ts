import { describe, expect, it } from "vitest";
import { errorCodes } from "../errors.js";
import { failureClassOf } from "./failure-class.js";

describe("R033: the failure taxonomy", () => {
  it("gives every code exactly one class, and none of them is unknown", () => {
    const classes = errorCodes.map((code) => [code, failureClassOf(code)] as const);
    expect(classes.filter(([, name]) => name === "unknown")).toEqual([]);
    expect(new Set(classes.map(([, name]) => name))).toEqual(
      new Set([
        "invalid_request",
        "policy_denied",
        "conflict",
        "rate_limited",
        "not_signed_in",
        "expired_link",
        "other_browser",
        "wrong_code",
        "rejected_credential",
        "unknown_credential",
        "not_supported",
        "key_unavailable",
        "server",
        "network",
        "timeout",
        "sdk_exception",
        "user_cancelled",
      ]),
    );
  });

  it.each(["", "toString", "__proto__", "a_code_of_tomorrow"])("calls %j unknown", (code) => {
    expect(failureClassOf(code)).toBe("unknown");
  });
});
