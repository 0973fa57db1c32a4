// What core and client must do on every runtime. Takes the libraries as arguments and uses web standards only.
import type * as Client from "@segno/client";
import type * as Core from "@segno/core";
import { type Case, check, equal, refuses } from "./harness.ts";

export interface Library {
  readonly core: typeof Core;
  readonly client: typeof Client;
}

const issuer = "https://id.example.com";
const audience = "https://api.example.com";
const nowSeconds = 1_800_000_000;
const clock = { nowMs: () => nowSeconds * 1000 };

export const cases: readonly Case<Library>[] = [
  {
    name: "core: accepts a good ES256 token, twice",
    async run({ core }) {
      const { verifier, token } = await issue(core);
      equal((await verifier.verify(token)).sub, "user-1");
      equal((await verifier.verify(token)).sub, "user-1");
    },
  },
  {
    name: "core: accepts a good EdDSA token",
    async run({ core }) {
      const { verifier, token } = await issue(core, {}, "EdDSA");
      equal((await verifier.verify(token)).sub, "user-1");
    },
  },
  {
    name: "core: reads a compressed status list, and refuses the token that it names",
    async run({ core }) {
      const uri = `${issuer}/status-list/0`;
      const status = { status_list: { idx: 700, uri } };
      const { token, jwks, sign } = await issue(core, { status });
      const keys = core.createLocalKeySet(jwks);
      for (const [revoked, isGood] of [
        [699, true],
        [700, false],
      ] as const) {
        const status_list = await statusListOf(core, revoked);
        const list = { iss: issuer, sub: uri, iat: nowSeconds, exp: nowSeconds + 300, ttl: 3, status_list };
        const text = await sign(list, "statuslist+jwt");
        const { isRevoked } = core.createStatusList({ issuer, keys, clock, fetch: async () => new Response(text) });
        const verifier = core.createAccessTokenVerifier({ issuer, audience, keys, clock, isRevoked });
        if (isGood) equal((await verifier.verify(token)).sub, "user-1");
        else
          await refuses(
            () => verifier.verify(token),
            (error) => core.isSegnoError(error, "token_revoked"),
          );
      }
    },
  },
  {
    name: "core: refuses a changed payload, a changed signature and a non-canonical spelling",
    async run({ core }) {
      const { verifier, token } = await issue(core);
      const [header, payload, signature] = token.split(".") as [string, string, string];
      const other = encode(core, {
        ...JSON.parse(new TextDecoder().decode(core.decodeBase64Url(payload))),
        sub: "root",
      });
      await refuses(() => verifier.verify(`${header}.${other}.${signature}`), core.isSegnoError);
      const flipped = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
      await refuses(() => verifier.verify(`${header}.${payload}.${flipped}`), core.isSegnoError);
      await refuses(() => verifier.verify(`${token}=`), core.isSegnoError);
      await refuses(() => verifier.verify(` ${token}`), core.isSegnoError);
    },
  },
  {
    name: "core: refuses another issuer, another audience, an old token and a missing claim",
    async run({ core }) {
      const wrong = [
        [{ iss: "https://evil.example.com" }, "token_issuer"],
        [{ aud: "https://other.example.com" }, "token_audience"],
        [{ exp: nowSeconds - 3600 }, "token_expired"],
        [{ sid: undefined }, "token_claim"],
      ] as const;
      for (const [change, code] of wrong) {
        const { verifier, token } = await issue(core, change);
        await refuses(
          () => verifier.verify(token),
          (error) => core.isSegnoError(error, code),
        );
      }
    },
  },
  {
    name: "core: fetches a key set once for many tokens at a time",
    async run({ core }) {
      const { token, jwks } = await issue(core);
      let fetches = 0;
      const fetch = async () => {
        fetches += 1;
        return Response.json(jwks);
      };
      const keys = core.createRemoteKeySet({ url: `${issuer}/.well-known/jwks.json`, fetch, clock });
      const verifier = core.createAccessTokenVerifier({ issuer, audience, keys, clock });
      await Promise.all(Array.from({ length: 8 }, () => verifier.verify(token)));
      equal(fetches, 1);
    },
  },
  {
    name: "core: makes and checks a DPoP proof, and refuses it for another URL",
    async run({ core }) {
      const { privateKey, publicJwk } = await core.generateDpopKeyPair();
      const url = `${audience}/orders`;
      const proof = await core.createDpopProof({
        privateKey,
        publicJwk,
        method: "GET",
        url,
        accessToken: "token",
        nowSeconds,
      });
      const expectedJkt = await core.jwkThumbprint(publicJwk);
      const verified = await core.verifyDpopProof({
        proof,
        method: "GET",
        url,
        accessToken: "token",
        expectedJkt,
        nowSeconds,
      });
      equal(verified.jkt, expectedJkt);
      const elsewhere = {
        proof,
        method: "GET",
        url: `${audience}/admin`,
        accessToken: "token",
        expectedJkt,
        nowSeconds,
      };
      await refuses(() => core.verifyDpopProof(elsewhere), core.isSegnoError);
    },
  },
  {
    name: "core: checks a client assertion, and refuses it for another server and a second time",
    async run({ core }) {
      const clientId = "orders-api";
      const change = { iss: clientId, sub: clientId, aud: issuer, exp: nowSeconds + 60 };
      const { token: assertion, jwks } = await issue(core, change, "ES256", "JWT");
      const seen = new Set<string>();
      const isReplay = ({ jti }: { jti: string }) => seen.size === seen.add(jti).size;
      const keys = core.createLocalKeySet(jwks);
      equal(core.readClientAssertion(assertion), clientId);
      const input = { assertion, clientId, issuer, keys, nowSeconds, isReplay };
      const isRefused = (error: unknown) => core.isSegnoError(error, "invalid_client");
      await refuses(() => core.verifyClientAssertion({ ...input, issuer: audience }), isRefused);
      equal((await core.verifyClientAssertion(input)).jti, "token-1");
      await refuses(() => core.verifyClientAssertion(input), isRefused);
    },
  },
  {
    name: "core: base64url is strict both ways",
    async run({ core }) {
      const bytes = crypto.getRandomValues(new Uint8Array(67));
      equal([...core.decodeBase64Url(core.encodeBase64Url(bytes))].join(), [...bytes].join());
      await refuses(
        async () => core.decodeBase64Url("AB=="),
        () => true,
      );
      await refuses(
        async () => core.decodeBase64Url("AB"),
        () => true,
      );
    },
  },
  {
    name: "client: reads the session and tells a refusal from an outage",
    async run({ client }) {
      const answers = [
        () => Response.json({ session: null, user: null }),
        () => Promise.reject(new TypeError("offline")),
      ];
      const fetch = async () => (answers.shift() ?? (() => new Response(null, { status: 500 })))();
      const segno = client.createSegnoClient({
        baseUrl: issuer,
        fetch,
        delay: async () => {},
        openChannel: () => undefined,
      });
      const { data, error } = await segno.getToken();
      equal(data, null);
      check(
        error !== null && typeof error.code === "string" && typeof error.retry.when === "string",
        "an error has a code and says when to retry",
      );
      segno.close();
    },
  },
  {
    name: "client: many calls at once refresh once",
    async run({ client, core }) {
      const { token } = await issue(core);
      let refreshes = 0;
      const fetch = async (input: unknown) => {
        const url = String(input instanceof Request ? input.url : input);
        if (!url.endsWith("/session/token")) return Response.json(signedIn());
        refreshes += 1;
        return Response.json({ accessToken: token, tokenType: "Bearer", expiresInSeconds: 300, scope: "" });
      };
      const segno = client.createSegnoClient({
        baseUrl: issuer,
        fetch,
        delay: async () => {},
        openChannel: () => undefined,
        initialSession: signedIn(),
      });
      const results = await Promise.all(Array.from({ length: 6 }, () => segno.getToken()));
      for (const { data } of results) equal(data, token);
      equal(refreshes, 1);
      segno.close();
    },
  },
];

function signedIn(): Client.SessionSnapshot {
  const at = "2027-01-15T08:00:00.000Z";
  return {
    session: {
      id: "session-1",
      userId: "user-1",
      current: true,
      createdAt: at,
      lastSeenAt: at,
      expiresAt: "2099-01-15T08:00:00.000Z",
      acr: "aal1",
      amr: ["otp"],
      authTime: at,
      deviceName: "x",
    },
    user: {
      id: "user-1",
      displayName: "Ada",
      email: "ada@example.com",
      emailVerified: true,
      status: "active",
      createdAt: at,
      missing: [],
    },
  };
}

async function issue(core: typeof Core, change: object = {}, alg: "ES256" | "EdDSA" = "ES256", typ = "at+jwt") {
  const parameters = alg === "ES256" ? { name: "ECDSA", namedCurve: "P-256" } : { name: "Ed25519" };
  const pair = (await crypto.subtle.generateKey(parameters, true, ["sign", "verify"])) as CryptoKeyPair;
  const { kty, crv, x, y } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as Required<JsonWebKey>;
  const jwks = {
    keys: [{ kty, crv, x, ...(y === undefined ? {} : { y }), kid: "key-1", alg, use: "sig" }],
  } as Core.JwkSet;
  const claims = {
    iss: issuer,
    sub: "user-1",
    aud: audience,
    client_id: "segno",
    jti: "token-1",
    iat: nowSeconds,
    exp: nowSeconds + 300,
    scope: "orders:read",
    sid: "session-1",
    acr: "aal1",
    amr: ["otp"],
    auth_time: nowSeconds,
    ...change,
  };
  const algorithm = alg === "ES256" ? { name: "ECDSA", hash: "SHA-256" } : { name: "Ed25519" };
  const sign = async (payload: object, type: string): Promise<string> => {
    const input = `${encode(core, { typ: type, alg, kid: "key-1" })}.${encode(core, payload)}`;
    const signature = await crypto.subtle.sign(algorithm, pair.privateKey, new TextEncoder().encode(input));
    return `${input}.${core.encodeBase64Url(new Uint8Array(signature))}`;
  };
  const token = await sign(claims, typ);
  const verifier = core.createAccessTokenVerifier({
    issuer,
    audience,
    keys: core.createLocalKeySet(jwks),
    clock,
    algorithms: [alg],
  });
  return { verifier, token, jwks, sign };
}

/** A status list of 1,024 places, compressed by the runtime itself. */
async function statusListOf(core: typeof Core, revoked: number): Promise<{ bits: number; lst: string }> {
  const bits = new Uint8Array(128);
  bits[revoked >> 3] = 1 << (revoked & 7);
  const deflated = new Blob([bits]).stream().pipeThrough(new CompressionStream("deflate"));
  return { bits: 1, lst: core.encodeBase64Url(new Uint8Array(await new Response(deflated).arrayBuffer())) };
}

function encode(core: typeof Core, value: object): string {
  return core.encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)));
}
