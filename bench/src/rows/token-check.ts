import { verify as rawVerify } from "node:crypto";
import { createAccessTokenVerifier, createLocalKeySet, createStatusList } from "@segno/core";
import { createVerifier } from "fast-jwt";
import { createLocalJWKSet, jwtVerify } from "jose";
import { check, inFlight, interleave, medianOf, perSecond, refuses, speedRatio } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import {
  accessTokenClaims,
  audience,
  createSigningKey,
  issuer,
  listServer,
  type SignedToken,
  signStatusList,
  signToken,
  signTokens,
  spoil,
} from "../tokens.ts";

const key = createSigningKey();
const keys = { keys: [key.publicJwk] };
const joseKeys = createLocalJWKSet(keys);
const joseOptions = { issuer, audience, algorithms: ["ES256"], typ: "at+jwt" };
const joseCheck = async (token: string) => (await jwtVerify(token, joseKeys, joseOptions)).payload.sub;
const raw = (token: SignedToken) => rawVerify("sha256", token.signingInput, key.publicKey, token.der);
/** With the status list that a verifier polls: every check below asks it. */
const newVerifier = () => {
  const keySet = createLocalKeySet(keys);
  const list = signStatusList(key);
  const { isRevoked } = createStatusList({ issuer, keys: keySet, fetch: listServer(() => list) });
  return createAccessTokenVerifier({ issuer, audience, keys: keySet, isRevoked });
};

/** Every token is new to every checker: nothing to remember, the cache is on and pays for being filled. */
const cold: Bench = {
  name: "token-cold",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const items = smoke ? 20 : 400;
    const verifier = newVerifier();
    const fastJwt = createVerifier({
      key: key.publicKey.export({ type: "spki", format: "pem" }).toString(),
      algorithms: ["ES256"],
      allowedIss: issuer,
      allowedAud: audience,
      cache: false,
    });
    await allRefuse([verifier.verify, joseCheck, async (token) => fastJwt(token)]);
    check(!raw(spoil(signToken(key))), "raw accepted a spoiled signature");

    const tokens = freshTokens(items);
    const timings = await interleave(
      [
        { name: "ours", run: eachToken(tokens.all, async (token) => (await verifier.verify(token.text)).sub !== "") },
        {
          name: "raw",
          run() {
            for (const token of tokens.all()) check(raw(token), "raw verify");
          },
        },
        { name: "jose", run: eachToken(tokens.all, async (token) => (await joseCheck(token.text)) !== "") },
        {
          name: "fast-jwt",
          run() {
            for (const token of tokens.all()) check(fastJwt(token.text).sub !== "", "fast-jwt");
          },
        },
      ],
      { rounds: smoke ? 1 : 31, items, warmup: smoke ? 0 : 3, prepare: tokens.sign },
    );
    const rate = (name: string) => perSecond(medianOf(timings, name));
    const against = (name: string) => ({
      unit: "checks/s",
      ours: rate("ours"),
      reference: rate(name),
      ratio: speedRatio(timings, "ours", name),
    });
    return [
      row({ name: "token-cold-vs-raw", ...against("raw"), atLeast: 0.85 }),
      row({ name: "token-cold-vs-jose", ...against("jose"), atLeast: 2 }),
      row({ name: "token-cold-vs-fast-jwt", ...against("fast-jwt") }),
    ];
  },
};

const concurrent: Bench = {
  name: "token-concurrent",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const items = smoke ? 32 : 640;
    const verifier = newVerifier();
    const webKey = await crypto.subtle.importKey("jwk", key.publicJwk, { name: "ECDSA", namedCurve: "P-256" }, false, [
      "verify",
    ]);
    const web = (token: SignedToken) =>
      crypto.subtle.verify(
        { name: "ECDSA", hash: "SHA-256" },
        webKey,
        token.p1363 as Uint8Array<ArrayBuffer>,
        token.signingInput as Uint8Array<ArrayBuffer>,
      );
    check(!(await web(spoil(signToken(key)))), "WebCrypto accepted a spoiled signature");
    await allRefuse([verifier.verify, joseCheck]);

    const tokens = freshTokens(items);
    const sixteen = (isGood: (token: SignedToken) => Promise<boolean>) => () => {
      const batch = tokens.all();
      return inFlight(items, 16, async (index) => check(await isGood(batch[index] as SignedToken), "16 in flight"));
    };
    const timings = await interleave(
      [
        { name: "ours", run: sixteen(async (token) => (await verifier.verify(token.text)).sub !== "") },
        { name: "webcrypto", run: sixteen(web) },
        { name: "jose", run: sixteen(async (token) => (await joseCheck(token.text)) !== "") },
      ],
      { rounds: smoke ? 1 : 31, items, warmup: smoke ? 0 : 3, prepare: tokens.sign },
    );
    const rate = (name: string) => perSecond(medianOf(timings, name));
    const against = (name: string) => ({
      unit: "checks/s",
      ours: rate("ours"),
      reference: rate(name),
      ratio: speedRatio(timings, "ours", name),
    });
    return [
      row({ name: "token-concurrent-vs-webcrypto", ...against("webcrypto"), atLeast: 0.9 }),
      row({ name: "token-concurrent-vs-jose", ...against("jose"), atLeast: 1 }),
    ];
  },
};

/** One token again and again, as an API sees it for five minutes; expiry and revocation are asked on each hit. */
const repeated: Bench = {
  name: "token-repeated",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hits = smoke ? 100 : 20_000;
    const rawItems = smoke ? 10 : 200;
    let list = signStatusList(key);
    let nowMs = Date.now();
    const clock = { nowMs: () => nowMs };
    const keySet = createLocalKeySet(keys);
    const { isRevoked } = createStatusList({ issuer, keys: keySet, clock, fetch: listServer(() => list) });
    const verifier = createAccessTokenVerifier({ issuer, audience, keys: keySet, clock, isRevoked });
    const token = signToken(key);
    const place = 731_204;
    const { sid } = await verifier.verify(token.text);
    /** Both sides of a round meet a list that was just confirmed. */
    const confirm = async () => {
      nowMs = Date.now();
      await verifier.verify(token.text);
    };
    const timings = await interleave(
      [
        {
          name: "ours",
          async run() {
            await confirm();
            for (let hit = 0; hit < hits; hit += 1)
              check(verifier.verifySync(token.text)?.sid === sid, "repeated token");
          },
        },
        {
          name: "ours-async",
          async run() {
            await confirm();
            for (let hit = 0; hit < hits; hit += 1)
              check((await verifier.verify(token.text)).sid === sid, "repeated token");
          },
        },
        {
          name: "raw",
          run() {
            for (let item = 0; item < rawItems; item += 1) check(raw(token), "raw verify");
          },
        },
      ],
      { rounds: smoke ? 1 : 31, items: 1, warmup: smoke ? 0 : 3 },
    );
    list = signStatusList(key, [place]);
    nowMs += 5_000;
    check(await refuses(() => verifier.verify(token.text)), "a revoked token was accepted from the cache");
    nowMs += 400_000;
    check(await refuses(() => verifier.verifySync(token.text)), "an expired token was accepted from the cache");

    const rawRate = perSecond(medianOf(timings, "raw") / rawItems);
    const against = (name: string) => ({
      unit: "checks/s",
      ours: perSecond(medianOf(timings, name) / hits),
      reference: rawRate,
      ratio: speedRatio(timings, name, "raw") * (hits / rawItems),
    });
    return [
      row({ name: "token-repeated-vs-raw", ...against("ours"), atLeast: 40 }),
      row({
        name: "token-repeated-awaited-vs-raw",
        ...against("ours-async"),
        note: "through the promise API, for those who do not use verifySync",
      }),
    ];
  },
};

export const tokenCheckBenches: readonly Bench[] = [cold, concurrent, repeated];

/** The same new tokens for every candidate of a round; signed before the clock starts. */
function freshTokens(items: number): { sign: () => void; all: () => readonly SignedToken[] } {
  let tokens: readonly SignedToken[] = [];
  return {
    sign: () => {
      tokens = signTokens(key, items);
    },
    all: () => tokens,
  };
}

function eachToken(all: () => readonly SignedToken[], isGood: (token: SignedToken) => Promise<boolean>) {
  return async () => {
    for (const token of all()) check(await isGood(token), "one at a time");
  };
}

/** Both sides do the same work: signature, issuer, audience and expiry are really checked by each. */
async function allRefuse(checkers: readonly ((token: string) => Promise<unknown>)[]): Promise<void> {
  const bad = [
    spoil(signToken(key)),
    signToken(key, accessTokenClaims({ exp: 1_000 })),
    signToken(key, accessTokenClaims({ iss: "https://evil.example" })),
    signToken(key, accessTokenClaims({ aud: "https://other.example" })),
  ];
  for (const checker of checkers) {
    for (const token of bad) check(await refuses(() => checker(token.text)), "a bad token was accepted");
  }
}
