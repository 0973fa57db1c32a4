import { describe, expect, it } from "vitest";
import { type AccessRequirement, type AuthState, acrSatisfies, assertAccess, scopeList } from "./auth-state.js";
import { outcome } from "./tokens/token.double.js";

const now = 1_800_000_000;
const authenticated = {
  status: "authenticated",
  subject: "user-1",
  sessionId: "session-1",
  clientId: "segno",
  scopes: ["a", "b"],
  acr: "phr",
  amr: ["swk"],
  authTime: now - 100,
  expiresAt: now + 300,
  via: "session",
} as const satisfies AuthState;

const ask = (requirement: AccessRequirement, state: AuthState = authenticated) =>
  outcome(() => assertAccess(state, requirement, now));

describe("assertAccess", () => {
  it("T-017: every condition given must hold: all pairs", async () => {
    const scopes = [undefined, "a", "a b", ["b"], "", []] as const;
    const badScopes = ["c", "a c", ["a", "c"]] as const;
    const acrs = [undefined, "aal1", "phr"];
    const badAcrs = ["phrh", "unknown", ""];
    const ages = [undefined, 100, 600];
    const badAges = [99, 0, -1, Number.NaN];
    for (const scope of [...scopes, ...badScopes]) {
      for (const acr of [...acrs, ...badAcrs]) {
        for (const maxAgeSeconds of [...ages, ...badAges]) {
          const requirement = {
            ...(scope === undefined ? {} : { scope }),
            ...(acr === undefined ? {} : { acr }),
            ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
          };
          const isBad =
            (badScopes as readonly unknown[]).includes(scope) ||
            badAcrs.includes(acr ?? "phr") ||
            badAges.includes(maxAgeSeconds ?? 600);
          expect((await ask(requirement)) === "accepted", JSON.stringify(requirement)).toBe(!isBad);
        }
      }
    }
  });

  it("says why", async () => {
    expect(await ask({}, { status: "anonymous" })).toBe("unauthenticated");
    expect(await ask({}, { status: "invalid", reason: "token_expired" })).toBe("token_expired");
    const { status: _status, ...authentication } = authenticated;
    expect(await ask({}, { status: "step_up_required", authentication, requirement: {} })).toBe(
      "insufficient_user_authentication",
    );
    expect(await ask({ scope: "c", acr: "phrh" })).toBe("insufficient_scope");
    expect(await ask({ acr: "phrh" })).toBe("insufficient_user_authentication");
    expect(assertAccess(authenticated, { scope: "a" }, now)).toBe(authenticated);
  });

  it("T-017: an undecidable age fails", async () => {
    expect(await ask({ maxAgeSeconds: 600 }, { ...authenticated, authTime: Number.NaN })).toBe(
      "insufficient_user_authentication",
    );
  });
});

describe("acrSatisfies", () => {
  it("orders the known values; an unknown one satisfies only itself", () => {
    const order = ["aal1", "phr", "phrh"];
    for (const [have, actual] of order.entries()) {
      for (const [need, required] of order.entries()) expect(acrSatisfies(actual, required)).toBe(have >= need);
    }
    expect(acrSatisfies("gold", "gold")).toBe(true);
    expect(acrSatisfies("gold", "aal1")).toBe(false);
    expect(acrSatisfies("phrh", "gold")).toBe(false);
    expect(acrSatisfies("", "aal1")).toBe(false);
  });
});

describe("scopeList", () => {
  it("reads both forms", () => {
    expect(scopeList(undefined)).toEqual([]);
    expect(scopeList(" a  b ")).toEqual(["a", "b"]);
    expect(scopeList(["a"])).toEqual(["a"]);
  });
});
