import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import type { KeySet } from "./key-set.js";
import { createLocalKeySet } from "./local-key-set.js";
import { outcome, signToken, testKey } from "./token.double.js";
import { readSecurityEventIssuer, verifySecurityEvent } from "./verify-security-event.js";

const issuer = "https://idp.example.com";
const audience = "https://app.example.com";
const uri = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const nowSeconds = 1_900_000_000;
const ec = testKey("key-1");
let keys: KeySet;
const header = { typ: "secevent+jwt", alg: "ES256", kid: "key-1" };
const good = {
  iss: issuer,
  aud: audience,
  iat: nowSeconds,
  jti: "1",
  sub_id: { format: "opaque", id: "ada" },
  events: { [uri]: { event_timestamp: 1 } },
};
const check = async (claims: object, head: object = header): Promise<string> =>
  await outcome(() =>
    verifySecurityEvent({ token: signToken(ec, claims as never, head as never), issuer, audience, keys, nowSeconds }),
  );

export function securityEventSuite(): void {
  beforeAll(() => {
    keys = createLocalKeySet({ keys: [ec.jwk] });
  });

  it("takes a sound token, and says when to forget it", async () => {
    const token = signToken(ec, good as never, header as never);
    expect(readSecurityEventIssuer(token)).toBe(issuer);
    expect(await verifySecurityEvent({ token, issuer, audience, keys, nowSeconds })).toEqual({
      jti: "1",
      issuedAtSeconds: nowSeconds,
      expiresAtSeconds: nowSeconds + 604_800 + 60,
      subject: good.sub_id,
      type: uri,
      payload: { event_timestamp: 1 },
    });
  });

  it.each([
    ["token_type", good, { ...header, typ: "at+jwt" }],
    ["token_type", good, { ...header, typ: "JWT" }],
    ["token_type", good, { alg: "ES256", kid: "key-1" }],
    ["token_algorithm", good, { ...header, alg: "HS256" }],
    ["token_key_unknown", good, { ...header, kid: "key-2" }],
    ["token_malformed", good, { ...header, jwk: ec.jwk }],
    ["token_malformed", good, { ...header, crit: ["x"] }],
    ["token_issuer", { ...good, iss: `${issuer}/` }, header],
    ["token_audience", { ...good, aud: ["https://other.example"] }, header],
    ["token_audience", { ...good, aud: { 0: audience } }, header],
    ["token_claim", { ...good, exp: nowSeconds + 1 }, header],
    ["token_claim", { ...good, sub: "ada" }, header],
    ["token_claim", { ...good, jti: "" }, header],
    ["token_claim", { ...good, jti: 1 }, header],
    ["token_claim", { ...good, iat: "1" }, header],
    ["token_claim", { ...good, sub_id: [] }, header],
    ["token_claim", { ...good, sub_id: { id: "ada" } }, header],
    ["token_claim", { ...good, events: {} }, header],
    ["token_claim", { ...good, events: { [uri]: [] } }, header],
    ["token_claim", { ...good, events: [{}] }, header],
    ["token_not_yet_valid", { ...good, iat: nowSeconds + 61 }, header],
    ["token_expired", { ...good, iat: nowSeconds - 604_861 }, header],
  ])("%s", async (code, claims, head) => {
    expect(await check(claims, head)).toBe(code);
  });

  it("T-065: lets no token of another kind through, whatever it claims besides", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), async (claims, typ) => {
        const isSet = typ === "secevent+jwt" || typ === "application/secevent+jwt";
        if (!isSet) expect(await check({ ...good, ...claims }, { ...header, typ })).not.toBe("accepted");
        expect(await check({ ...claims, iss: issuer, aud: audience })).toMatch(/^token_/);
      }),
      { numRuns: 100 },
    );
  });
}
