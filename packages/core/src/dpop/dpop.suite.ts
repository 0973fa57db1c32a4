import { describe, expect, it } from "vitest";
import { backend } from "#crypto";
import type { SegnoError } from "../errors.js";
import { parseJws } from "../tokens/parse-jws.js";
import { encodeText, outcome, signTexts, signToken, type TestKey, testKey } from "../tokens/token.double.js";
import { accessTokenHash, createDpopProof } from "./create-dpop-proof.js";
import { generateDpopKeyPair, jwkThumbprint } from "./key.js";
import { type DpopVerification, verifyDpopProof } from "./verify-dpop-proof.js";

const nowSeconds = 1_800_000_000;
const method = "POST";
const url = "https://api.example.com/orders?page=2#top";
const htu = "https://api.example.com/orders";
const accessToken = "an.access.token";
const key = testKey("proof");
const { kty, crv, x, y } = key.jwk;
const jwk = { kty, crv, x, y };

interface Change {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly signer?: TestKey;
}

async function proofWith({ header, payload, signer = key }: Change = {}): Promise<string> {
  const claims = {
    jti: "proof-1",
    htm: method,
    htu,
    iat: nowSeconds,
    ath: await accessTokenHash(accessToken),
    ...payload,
  };
  return signToken(signer, claims, { typ: "dpop+jwt", alg: "ES256", jwk, ...header });
}

async function verify(proof: string, options: Partial<DpopVerification> = {}) {
  const expectedJkt = await jwkThumbprint(jwk);
  return verifyDpopProof({ proof, method, url, accessToken, expectedJkt, nowSeconds, ...options });
}

async function reason(run: () => Promise<unknown>): Promise<unknown> {
  return run().then(
    () => "accepted",
    (error: SegnoError) => error.detail["reason"] ?? error.code,
  );
}

/** The behaviour of DPoP, whichever crypto backend is under it. */
export function dpopSuite(expectedBackend: "node" | "web"): void {
  it(`runs on the ${expectedBackend} backend`, () => {
    expect(backend.name).toBe(expectedBackend);
  });

  it("makes a proof that holds, for a key that cannot be taken away", async () => {
    const { privateKey, publicJwk } = await generateDpopKeyPair();
    expect(privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("jwk", privateKey as CryptoKey)).rejects.toThrow();
    expect(Object.keys(publicJwk).sort()).toEqual(["crv", "kty", "x", "y"]);
    const proof = await createDpopProof({ privateKey, publicJwk, method, url, accessToken, nonce: "n", nowSeconds });
    const jkt = await jwkThumbprint(publicJwk);
    const held = await verify(proof, { expectedJkt: jkt, isNonceValid: (nonce) => nonce === "n" });
    expect(held).toEqual({ jkt, jti: parseJws(proof).payload["jti"], iat: nowSeconds });
    expect(parseJws(proof).payload["htu"]).toBe(htu);
  });

  it("makes a fresh jti each time, takes the machine's clock, and leaves out what was not given", async () => {
    const pair = await generateDpopKeyPair();
    const proofs = await Promise.all([1, 2].map(() => createDpopProof({ ...pair, method: "GET", url })));
    const payloads = proofs.map((proof) => parseJws(proof).payload);
    expect(payloads[0]?.["jti"]).not.toBe(payloads[1]?.["jti"]);
    expect(Object.keys(payloads[0] ?? {}).sort()).toEqual(["htm", "htu", "iat", "jti"]);
    expect(Math.abs(Number(payloads[0]?.["iat"]) - Date.now() / 1000)).toBeLessThan(5);
  });

  it("refuses to sign for a URL or a key that no server would take", async () => {
    const pair = await generateDpopKeyPair();
    for (const bad of ["/orders", "ftp://x/", "https://user@api.example.com/", ""]) {
      await expect(createDpopProof({ ...pair, method, url: bad })).rejects.toThrow(TypeError);
    }
    const publicJwk = testKey("r", "RS256").jwk;
    await expect(createDpopProof({ ...pair, publicJwk, method, url })).rejects.toThrow(TypeError);
  });

  it("signs and checks with an Ed25519 key too", async () => {
    const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
    const publicJwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const proof = await createDpopProof({ privateKey: pair.privateKey, publicJwk, method, url, nowSeconds });
    const held = await verifyDpopProof({ proof, method, url, nowSeconds });
    expect(held.jkt).toBe(await jwkThumbprint(publicJwk));
  });

  describe("T-070: what must be refused", () => {
    const cases: readonly (readonly [string, string, Change])[] = [
      ["typ of another token", "typ", { header: { typ: "at+jwt" } }],
      ["typ absent", "typ", { header: { typ: undefined } }],
      ["alg none", "alg", { header: { alg: "none" } }],
      ["alg symmetric", "alg", { header: { alg: "HS256" } }],
      ["alg RSA", "alg", { header: { alg: "RS256" } }],
      ["jwk absent", "jwk", { header: { jwk: undefined } }],
      ["jwk a list", "jwk", { header: { jwk: [jwk] } }],
      ["jwk private", "jwk_private", { header: { jwk: { ...jwk, d: "AA" } } }],
      ["jwk symmetric", "jwk_private", { header: { jwk: { kty: "oct", k: "AA" } } }],
      ["jwk of another type than alg", "jwk_type", { header: { alg: "EdDSA" } }],
      ["jwk off its curve", "jwk_invalid", { header: { jwk: { ...jwk, x: jwk.y } } }],
      ["jwk without a member", "jwk_invalid", { header: { jwk: { kty, crv, x } } }],
      ["signature by another key", "signature", { signer: testKey("thief") }],
      ["jti absent", "jti", { payload: { jti: undefined } }],
      ["jti empty", "jti", { payload: { jti: "" } }],
      ["jti too long", "jti", { payload: { jti: "j".repeat(257) } }],
      ["htm of another method", "htm", { payload: { htm: "GET" } }],
      ["htm in another case", "htm", { payload: { htm: "post" } }],
      ["htu absent", "htu", { payload: { htu: undefined } }],
      ["htu as a list", "htu", { payload: { htu: [htu] } }],
      ["htu of another path", "htu", { payload: { htu: `${htu}/1` } }],
      ["htu of another host", "htu", { payload: { htu: "https://api.example.com.evil.example/orders" } }],
      ["htu of another scheme", "htu", { payload: { htu: htu.replace("https", "http") } }],
      ["htu with query", "htu", { payload: { htu: `${htu}?page=2` } }],
      ["htu with fragment", "htu", { payload: { htu: `${htu}#top` } }],
      ["iat absent", "iat", { payload: { iat: undefined } }],
      ["iat a string", "iat", { payload: { iat: String(nowSeconds) } }],
      ["iat in the future", "iat_future", { payload: { iat: nowSeconds + 11 } }],
      ["iat too old", "iat_old", { payload: { iat: nowSeconds - 71 } }],
      ["ath absent", "ath", { payload: { ath: undefined } }],
      ["ath of another token", "ath", { payload: { ath: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" } }],
    ];
    it.each(cases)("T-070: %s", async (_name, expected, change) => {
      const proof = await proofWith(change);
      expect(await outcome(() => verify(proof))).toBe("invalid_dpop_proof");
      expect(await reason(() => verify(proof))).toBe(expected);
    });

    it("T-070: the unchanged proof holds, at the edges of its time too", async () => {
      expect(await outcome(async () => verify(await proofWith()))).toBe("accepted");
      expect(await outcome(async () => verify(await proofWith({ payload: { iat: nowSeconds + 10 } })))).toBe(
        "accepted",
      );
      expect(await outcome(async () => verify(await proofWith({ payload: { iat: nowSeconds - 70 } })))).toBe(
        "accepted",
      );
      const strict = { maxAgeSeconds: 5, clockToleranceSeconds: 0 };
      const old = await proofWith({ payload: { iat: nowSeconds - 6 } });
      expect(await reason(() => verify(old, strict))).toBe("iat_old");
    });

    it("T-070: reuse", async () => {
      const seen = new Set<string>();
      const uses: unknown[] = [];
      const isReplay: DpopVerification["isReplay"] = (use) => {
        uses.push(use);
        const name = `${use.jkt}.${use.jti}`;
        return seen.has(name) || !seen.add(name);
      };
      const proof = await proofWith();
      expect(await outcome(() => verify(proof, { isReplay }))).toBe("accepted");
      expect(await reason(() => verify(proof, { isReplay }))).toBe("replay");
      expect(uses[0]).toEqual({ jkt: await jwkThumbprint(jwk), jti: "proof-1", expiresAtSeconds: nowSeconds + 70 });
      expect(await reason(() => verify(proof, { isReplay: () => undefined as unknown as boolean }))).toBe("replay");
    });

    it("T-070: nothing is recorded for a proof that is refused anyway", async () => {
      const uses: unknown[] = [];
      const isReplay = (use: unknown) => uses.push(use) < 0;
      await outcome(async () => verify(await proofWith({ payload: { ath: "x" } }), { isReplay }));
      await outcome(async () => verify(await proofWith(), { isReplay, isNonceValid: () => false }));
      expect(uses).toEqual([]);
    });

    it("T-070: another key than the token is bound to, and a token that is bound to none", async () => {
      const proof = await proofWith();
      const other = await jwkThumbprint(testKey("other").jwk);
      expect(await reason(() => verify(proof, { expectedJkt: other }))).toBe("jkt");
      expect(await reason(() => verify(proof, { expectedJkt: undefined }))).toBe("token_not_bound");
    });

    it("T-070: a cut, padded or doubled proof", async () => {
      const proof = await proofWith();
      const half = proof.slice(0, proof.lastIndexOf("."));
      for (const bad of ["", half, `${half}.`, `${half}.AAAA`, `${proof}==`, `${proof}, ${proof}`, `${proof}A`]) {
        expect(await outcome(() => verify(bad)), bad.slice(-8)).toBe("invalid_dpop_proof");
      }
      const twice = signTexts(
        key,
        `{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256","jwk":${JSON.stringify(jwk)}}`,
        "{}",
      );
      expect(await outcome(() => verify(twice))).toBe("invalid_dpop_proof");
      expect(await outcome(() => verify(`${encodeText("{}")}.${encodeText("{}")}.AAAA`))).toBe("invalid_dpop_proof");
    });

    it("T-070: a URL that cannot be compared", async () => {
      expect(await reason(async () => verify(await proofWith(), { url: "/orders" }))).toBe("htu");
    });
  });

  it("asks for a nonce when it is missing or not valid", async () => {
    const isNonceValid = async (nonce: string) => nonce === "fresh";
    const with_ = (nonce: unknown) => proofWith({ payload: { nonce } });
    expect(await outcome(async () => verify(await proofWith(), { isNonceValid }))).toBe("use_dpop_nonce");
    for (const bad of ["", "stale", 7, null]) {
      expect(await outcome(async () => verify(await with_(bad), { isNonceValid }))).toBe("use_dpop_nonce");
    }
    expect(await outcome(async () => verify(await with_("fresh"), { isNonceValid }))).toBe("accepted");
  });

  it("cannot decide when the store behind a callback is down", async () => {
    const down = () => {
      throw new Error("store down");
    };
    const proof = await proofWith({ payload: { nonce: "n" } });
    expect(await outcome(() => verify(proof, { isReplay: down }))).toBe("store_unavailable");
    expect(await outcome(() => verify(proof, { isNonceValid: down }))).toBe("store_unavailable");
  });

  it("checks many proofs of one key, and of more keys than are remembered", async () => {
    for (let index = 0; index < 50; index += 1) {
      const proof = await proofWith({ payload: { jti: `p-${index}` } });
      expect((await verify(proof)).jti).toBe(`p-${index}`);
    }
    for (let index = 0; index < 1010; index += 1) {
      const signer = testKey("k");
      const { kty, crv, x, y } = signer.jwk;
      const proof = await proofWith({ signer, header: { jwk: { kty, crv, x, y } } });
      const { jkt } = await verifyDpopProof({ proof, method, url, nowSeconds });
      expect(jkt).toHaveLength(43);
    }
    expect(await outcome(async () => verify(await proofWith()))).toBe("accepted");
    expect(await reason(async () => verify(await proofWith({ signer: testKey("thief") })))).toBe("signature");
  });
}
