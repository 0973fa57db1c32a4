import { describe, expect, it } from "vitest";
import { assertAccess } from "../auth-state.js";
import { authStateOf } from "./auth-state-of.js";
import { checkCertificateBinding, parseCertificateHeader } from "./certificate-binding.js";
import type { TokenCaller } from "./claims.js";
import { createLocalKeySet } from "./local-key-set.js";
import { audience, goodClaims, issuedAt, issuer, outcome, signToken, testKey, turnableClock } from "./token.double.js";
import { createAccessTokenVerifier } from "./verify-access-token.js";

const key = testKey("key-1");
const verifierFor = <Caller extends TokenCaller>(caller: Caller) =>
  createAccessTokenVerifier({
    issuer,
    audience,
    keys: createLocalKeySet({ keys: [key.jwk] }),
    clock: turnableClock(),
    caller,
  });
const serviceClaims = (overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => {
  const { sid: _sid, acr: _acr, amr: _amr, auth_time: _time, ...shared } = goodClaims();
  return { ...shared, sub: "orders-api", client_id: "orders-api", ...overrides };
};
const judge = (caller: TokenCaller, claims: Readonly<Record<string, unknown>>) =>
  outcome(() => verifierFor(caller).verify(signToken(key, claims)));

describe("a service's own token", () => {
  it("T-064, T-065: passes where services are admitted and nowhere else, by default nowhere", async () => {
    expect(await judge("any", serviceClaims())).toBe("accepted");
    expect(await judge("service", serviceClaims())).toBe("accepted");
    expect(await judge("user", serviceClaims())).toBe("token_claim");
    expect(await judge("any", goodClaims())).toBe("accepted");
    expect(await judge("service", goodClaims())).toBe("token_claim");
    const byDefault = createAccessTokenVerifier({
      issuer,
      audience,
      keys: createLocalKeySet({ keys: [key.jwk] }),
      clock: turnableClock(),
    });
    expect(await outcome(() => byDefault.verify(signToken(key, serviceClaims())))).toBe("token_claim");
    expect(() => verifierFor("anyone" as never)).toThrow(TypeError);
  });

  it("T-018: half a user is nobody, whichever half it is", async () => {
    const user = goodClaims();
    for (const present of ["sid", "acr", "amr", "auth_time"]) {
      for (const value of [user[present], null, "", 7, []]) {
        expect(await judge("any", serviceClaims({ [present]: value })), present).toBe("token_claim");
      }
      const { [present]: _, ...rest } = user;
      expect(await judge("any", rest), present).toBe("token_claim");
    }
    expect(await judge("any", serviceClaims({ act: { sub: "x" } }))).toBe("token_claim");
    for (const name of ["sub", "client_id", "jti", "scope", "iat", "exp"]) {
      const { [name]: _, ...rest } = serviceClaims();
      expect(await judge("any", rest), name).toBe("token_claim");
    }
  });

  it("T-064: is about its client: a service that is somebody else is refused", async () => {
    expect(await judge("any", serviceClaims({ sub: "user-1" }))).toBe("token_claim");
    expect(await judge("any", serviceClaims({ client_id: "segno" }))).toBe("token_claim");
  });

  it("is a state of its own, without a subject, also when a user has the same id", async () => {
    const sameId = { sub: "twin", client_id: "twin" };
    const service = authStateOf(await verifierFor("any").verify(signToken(key, serviceClaims(sameId))));
    const user = authStateOf(await verifierFor("any").verify(signToken(key, goodClaims(sameId))));
    expect(service).toMatchObject({ status: "service", clientId: "twin", scopes: ["orders:read"] });
    expect(service).not.toHaveProperty("subject");
    expect(service).not.toHaveProperty("sessionId");
    expect(user).toMatchObject({ status: "authenticated", subject: "twin" });
    const ask = (state: typeof user, requirement: object) => outcome(() => assertAccess(state, requirement, issuedAt));
    expect(await ask(service, {})).toBe("forbidden");
    expect(await ask(service, { caller: "user" })).toBe("forbidden");
    expect(await ask(service, { caller: "service" })).toBe("accepted");
    expect(await ask(service, { caller: "any", scope: "orders:read" })).toBe("accepted");
    expect(await ask(service, { caller: "any", scope: "orders:write" })).toBe("insufficient_scope");
    expect(await ask(service, { caller: "any", acr: "aal1" })).toBe("forbidden");
    expect(await ask(service, { caller: "any", maxAgeSeconds: 1e9 })).toBe("forbidden");
    expect(await ask(service, { caller: "nobody" })).toBe("forbidden");
    expect(await ask(user, { caller: "service" })).toBe("forbidden");
    expect(await ask(user, { caller: "any" })).toBe("accepted");
  });
});

describe("who acts for the subject", () => {
  it("comes along, the one who asks first", async () => {
    const act = { sub: "billing-api", act: { sub: "orders-api" } };
    const state = authStateOf(await verifierFor("user").verify(signToken(key, goodClaims({ act }))));
    expect(state).toMatchObject({ status: "authenticated", subject: "user-1", actors: ["billing-api", "orders-api"] });
    expect(authStateOf(await verifierFor("user").verify(signToken(key)))).not.toHaveProperty("actors");
  });

  it("T-018: is refused when it cannot be read, or has no end", async () => {
    let chain: object = { sub: "a" };
    for (let link = 0; link < 4; link += 1) chain = { sub: "a", act: chain };
    for (const act of [
      null,
      "x",
      [],
      {},
      { sub: "" },
      { sub: 7 },
      { sub: "a", act: null },
      { sub: "a", act: {} },
      chain,
    ]) {
      expect(await judge("user", goodClaims({ act })), JSON.stringify(act)).toBe("token_claim");
    }
  });
});

describe("a token bound to a certificate", () => {
  const thumbprint = "A".repeat(43);
  const bound = { cnf: { "x5t#S256": thumbprint } };

  it("RFC 8705: passes with that certificate alone", async () => {
    expect(await judge("user", goodClaims(bound))).toBe("accepted");
    expect(await judge("user", goodClaims({ cnf: { ...bound.cnf, jkt: "B".repeat(43) } }))).toBe("accepted");
    expect(await outcome(() => checkCertificateBinding(bound, thumbprint))).toBe("accepted");
    expect(await outcome(() => checkCertificateBinding(bound, "B".repeat(43)))).toBe("invalid_token");
    expect(await outcome(() => checkCertificateBinding(bound, undefined))).toBe("invalid_token");
    expect(await outcome(() => checkCertificateBinding({}, undefined))).toBe("accepted");
  });

  it("T-018: a binding of a kind that is not known is no binding to skip", async () => {
    for (const cnf of [{ "x5t#S256": "" }, { "x5t#S256": 7 }, { ...bound.cnf, kid: "x" }, { "x5t#S512": thumbprint }]) {
      expect(await judge("user", goodClaims({ cnf })), JSON.stringify(cnf)).toBe("token_claim");
    }
  });

  it("RFC 9440: reads a header in two forms and no third", () => {
    const der = Uint8Array.from({ length: 64 }, (_, index) => (index * 37) % 256);
    const base64 = Buffer.from(der).toString("base64");
    const pem = `-----BEGIN CERTIFICATE-----\n${base64.slice(0, 64)}\n${base64.slice(64)}\n-----END CERTIFICATE-----\n`;
    expect(parseCertificateHeader(`:${base64}:`)).toEqual(der);
    expect(parseCertificateHeader(encodeURIComponent(pem))).toEqual(der);
    const bad = [
      "",
      base64,
      `:${base64}`,
      `:${base64}:, :${base64}:`,
      "::",
      `: ${base64}:`,
      `:${base64.replaceAll("=", "")}!:`,
      pem.slice(0, -5),
      `${encodeURIComponent(pem)}${encodeURIComponent(pem)}`,
      "%E0%A4%A",
      "x".repeat(20_000),
      "(null)",
    ];
    for (const value of bad) expect(parseCertificateHeader(value), value.slice(0, 40)).toBeUndefined();
  });
});
