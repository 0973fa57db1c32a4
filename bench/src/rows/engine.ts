import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@segno/server";
import { createSoftwareAuthenticator } from "@segno/testing";
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { type JWK, jwtVerify, SignJWT } from "jose";
import { openBareCommit } from "../commit.ts";
import { loadEngineInternals } from "../engine-internals.ts";
import { machineFactor } from "../calibrate.ts";
import { check, interleave, medianOf, perSecond, refuses, speedRatio } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import { accessTokenClaims } from "../tokens.ts";

const origin = "https://app.example.com";

async function openEngine(isDurable: boolean) {
  const internals = await loadEngineInternals();
  const resolved = internals.resolveOptions(
    {
      baseUrl: origin,
      secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
      database: isDurable ? join(mkdtempSync(join(tmpdir(), "bench-")), "segno.db") : ":memory:",
      clientIp: { source: "socket" },
      logger: silentLogger,
      production: false,
      rateLimit: false,
    },
    {},
  );
  return { internals, running: await internals.compose(resolved) };
}

export const tokenIssueBench: Bench = {
  name: "token-issue",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const { running } = await openEngine(false);
    const { engine, keyring } = running;
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const claims = accessTokenClaims();
    const signingInput = Buffer.from(`${"x".repeat(100)}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`);
    const joseKey = createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }));
    const ours = () => engine.signer.sign({ typ: "at+jwt" }, claims);
    const jose = () =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" }).sign(joseKey);
    const { keys } = await keyring.publicKeys();
    const good = keys.map(
      async (jwk) => (await jwtVerify((await ours()).token, jwk as JWK)).payload["jti"] === claims["jti"],
    );
    check(
      (await Promise.allSettled(good)).some((each) => each.status === "fulfilled" && each.value),
      "our token does not verify",
    );

    const items = smoke ? 20 : 1_000;
    const timings = await interleave(
      [
        {
          name: "ours",
          async run() {
            for (let item = 0; item < items; item += 1) check((await ours()).token.length > 200, "issue");
          },
        },
        {
          name: "raw",
          run() {
            for (let item = 0; item < items; item += 1)
              check(sign("sha256", signingInput, privateKey).length > 60, "raw sign");
          },
        },
        {
          name: "jose",
          async run() {
            for (let item = 0; item < items; item += 1) check((await jose()).length > 200, "jose");
          },
        },
      ],
      { rounds: smoke ? 1 : 25, items, warmup: smoke ? 0 : 3 },
    );
    await running.stop();
    const against = (name: string) => ({
      unit: "tokens/s",
      ours: perSecond(medianOf(timings, "ours")),
      reference: perSecond(medianOf(timings, name)),
      ratio: speedRatio(timings, "ours", name),
    });
    return [
      row({ name: "token-issue-vs-raw", ...against("raw"), atLeast: 0.8 }),
      row({ name: "token-issue-vs-jose", ...against("jose"), atLeast: 3 }),
    ];
  },
};

/** The verb, with its events, on a durable store: everything a refresh does except HTTP. */
export const refreshBench: Bench = {
  name: "refresh-sqlite",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const { internals, running } = await openEngine(true);
    const { engine } = running;
    let refreshToken = await firstRefreshToken(running);
    const actor = { requestId: "bench" };
    const refresh = async () =>
      (await internals.rotateRefreshToken(engine, { refreshToken, clientId: "segno" }, actor)).refreshToken ?? "";
    const commit = openBareCommit();
    const items = smoke ? 5 : 60;
    const timings = await interleave(
      [
        {
          name: "ours",
          async run() {
            for (let item = 0; item < items; item += 1) {
              const next = await refresh();
              check(next.length > 20 && next !== refreshToken, "refresh");
              refreshToken = next;
            }
          },
        },
        {
          name: "commit",
          run() {
            for (let item = 0; item < items; item += 1) commit();
          },
        },
      ],
      { rounds: smoke ? 1 : 31, items, warmup: smoke ? 0 : 30 },
    );
    check(
      await refuses(() =>
        internals.rotateRefreshToken(engine, { refreshToken: `${refreshToken}x`, clientId: "segno" }, actor),
      ),
      "a spoiled token was redeemed",
    );
    await running.stop();
    const factor = machineFactor();
    const [ours, bare] = [medianOf(timings, "ours"), medianOf(timings, "commit")];
    return [
      row({
        name: "refresh-sqlite-over-commit",
        unit: "us",
        ours,
        reference: bare,
        ratio: (ours - bare) / factor,
        atMost: 120,
        note:
          `takes ${(ours - bare).toFixed(0)} us more than one commit here, of them ` +
          `${(medianOf(timings, "ours cpu") - medianOf(timings, "commit cpu")).toFixed(0)} us CPU; machine factor ${factor.toFixed(2)}`,
      }),
    ];
  },
};

async function firstRefreshToken(running: Awaited<ReturnType<typeof openEngine>>["running"]): Promise<string> {
  const device = createSoftwareAuthenticator({ origin });
  const headers: Record<string, string> = { "content-type": "application/json", origin };
  const call = async <Body>(path: string, body: object): Promise<Body> => {
    const request = new Request(`${origin}/api/auth${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const response = await running.handler(request, { remoteAddress: "203.0.113.1" });
    const cookies = response.headers.getSetCookie().map((line) => line.split(";")[0]);
    if (cookies.length > 0)
      headers["cookie"] = [headers["cookie"], ...cookies].filter((text) => text !== undefined).join("; ");
    check(response.ok, `${path} answered ${response.status}`);
    return (await response.json()) as Body;
  };
  const { attemptId, publicKey } = await call<{ attemptId: string; publicKey: Parameters<typeof device.create>[0] }>(
    "/v1/passkeys/sign-up/options",
    {},
  );
  const response = await device.create(publicKey);
  const signedIn = await call<{ tokens: { refreshToken: string } }>("/v1/passkeys/sign-up/verify", {
    attemptId,
    response,
    mode: "token",
  });
  return signedIn.tokens.refreshToken;
}

export const passkeyBench: Bench = {
  name: "passkey",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const { verifyAssertion } = await loadEngineInternals();
    const rpID = "app.example.com";
    const device = createSoftwareAuthenticator({ origin });
    const creation = await generateRegistrationOptions({
      rpName: "Bench",
      rpID,
      userName: "ada",
      attestationType: "none",
    });
    const registered = await verifyRegistrationResponse({
      response: await device.create(creation),
      expectedChallenge: creation.challenge,
      expectedOrigin: origin,
      expectedRPID: rpID,
    });
    if (!registered.verified) throw new Error("bench: registration failed");
    const { credential } = registered.registrationInfo;
    const owner = {
      credential_id: credential.id,
      public_key: Buffer.from(credential.publicKey).toString("base64url"),
      counter: 0,
      backup_eligible: 1,
      user_handle: creation.user.id,
    } as unknown as Parameters<typeof verifyAssertion>[1];
    const request = await generateAuthenticationOptions({ rpID, userVerification: "required" });
    const expected = { challenge: request.challenge, origins: [origin], rpId: rpID, requiresUserHandle: true };
    const ours = async (response: Response) => (await verifyAssertion(response, owner, expected)).acr === "phr";
    const alone = async (response: Response) =>
      (
        await verifyAuthenticationResponse({
          response,
          expectedChallenge: request.challenge,
          expectedOrigin: origin,
          expectedRPID: rpID,
          credential,
        })
      ).verified;
    type Response = Awaited<ReturnType<typeof device.get>>;
    const forged = await device.get(request, { origin: "https://evil.example" });
    check(
      (await refuses(() => ours(forged))) && (await refuses(() => alone(forged))),
      "a forged assertion was accepted",
    );

    const items = smoke ? 5 : 100;
    const responses = await Promise.all(Array.from({ length: items }, () => device.get(request)));
    const each = (isGood: (response: Response) => Promise<boolean>) => async () => {
      for (const response of responses) check(await isGood(response), "assertion");
    };
    const timings = await interleave(
      [
        { name: "ours", run: each(ours) },
        { name: "alone", run: each(alone) },
      ],
      { rounds: smoke ? 1 : 31, items, warmup: smoke ? 0 : 30 },
    );
    return [
      row({
        name: "passkey-assertion",
        unit: "us",
        ours: medianOf(timings, "ours"),
        reference: medianOf(timings, "alone"),
        ratio: 1 / speedRatio(timings, "ours", "alone"),
        atMost: 1.1,
        note: "the check itself; the sign-in then adds one commit (see refresh-sqlite for what a commit costs)",
      }),
    ];
  },
};
