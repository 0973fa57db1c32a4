import type { KeyCustody } from "@segno/server/custody";
import { createTestSegno, type TestSegno } from "@segno/testing";
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet } from "jose";
import { expect } from "vitest";

interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Signs in, refreshes, rotates twice and refreshes again; every token verifies by the published key set all along. */
export async function liveWith(custody: KeyCustody, algorithm: "ES256" | "EdDSA" = "ES256"): Promise<void> {
  const test = await createTestSegno({ keys: { custody, algorithm, custodyTimeoutSeconds: 30 } });
  try {
    const { tokens } = await test.signInAs("ada@example.com");
    const first = await tokens();
    const kids = [await kidOf(test, first.accessToken)];
    let refreshToken = first.refreshToken;
    for (let round = 0; round < 2; round += 1) {
      await test.segno.api.keys.rotate({ atOnce: true });
      const answer = await refresh(test, refreshToken);
      refreshToken = answer.refresh_token;
      kids.push(await kidOf(test, answer.access_token));
      await kidOf(test, first.accessToken);
    }
    expect(new Set(kids).size).toBe(3);
    const { keys } = await test.segno.api.keys.status();
    const names = new Set(keys.map((key) => key.custody));
    expect(names).toEqual(new Set([`${custody.name}:${custody.mode}`]));
    expect(await test.dump()).not.toMatch(/"d":|PRIVATE KEY/);
  } finally {
    await test.close();
  }
}

/** The key a token was signed by, once jose holds the signature good. */
async function kidOf(test: TestSegno, token: string): Promise<string> {
  const response = await test.fetch("/.well-known/jwks.json");
  await compactVerify(token, createLocalJWKSet((await response.json()) as JSONWebKeySet));
  return decodeProtectedHeader(token).kid ?? "";
}

async function refresh(test: TestSegno, refreshToken: string): Promise<TokenAnswer> {
  const response = await test.fetch("/api/auth/oauth2/token", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as TokenAnswer;
}
