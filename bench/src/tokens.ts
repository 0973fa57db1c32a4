import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { deflateSync } from "node:zlib";

export const issuer = "https://app.example.com";
export const audience = "https://api.example.com";

/** Where the status list of every token is. */
export const statusListUri = `${issuer}/api/auth/.well-known/status-list/0`;
export const statusListPlaces = 2 ** 20;

/** A key pair and its public JWK, as an issuer publishes it. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicJwk: { kty: string; crv: string; x: string; y: string; kid: string; alg: string; use: string };
}

export function createSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return describeKey(privateKey, publicKey);
}

function describeKey(privateKey: KeyObject, publicKey: KeyObject): SigningKey {
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  return {
    privateKey,
    publicKey,
    publicJwk: { kty: "EC", crv: "P-256", x, y, kid: "bench-key", alg: "ES256", use: "sig" },
  };
}

/** The claims Segno puts into an access token. */
export function accessTokenClaims(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    sub: "01890a5d-ac96-774b-bcce-b302099a8057",
    aud: audience,
    client_id: "segno",
    jti: randomUUID(),
    iat: nowSeconds,
    exp: nowSeconds + 300,
    scope: "orders:read orders:write",
    sid: "01890a5d-ac96-774b-bcce-b302099a8058",
    acr: "phr",
    amr: ["swk", "user", "mfa"],
    auth_time: nowSeconds - 60,
    status: { status_list: { idx: 731_204, uri: statusListUri } },
    ...overrides,
  };
}

/** One token, and its parts as the fastest raw check wants them. */
export interface SignedToken {
  readonly text: string;
  readonly signingInput: Buffer;
  readonly der: Buffer;
  readonly p1363: Buffer;
}

/** A status list as the engine publishes it, with these places revoked. */
export function signStatusList(key: SigningKey, revoked: readonly number[] = [], lifeSeconds = 3_600): string {
  const bits = new Uint8Array(statusListPlaces / 8);
  for (const place of revoked) bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
  const nowSeconds = Math.floor(Date.now() / 1000);
  const lst = deflateSync(bits, { level: 9 }).toString("base64url");
  const claims = {
    iss: issuer,
    sub: statusListUri,
    iat: nowSeconds,
    exp: nowSeconds + lifeSeconds,
    ttl: 3,
    status_list: { bits: 1, lst },
  };
  const type = Buffer.from(JSON.stringify({ alg: "ES256", typ: "statuslist+jwt", kid: "bench-key" })).toString(
    "base64url",
  );
  const signingInput = `${type}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  const signature = sign("sha256", Buffer.from(signingInput), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${signingInput}.${signature.toString("base64url")}`;
}

/** An issuer's list that is one fetch away, as a verifier sees it: 304 to whoever has it. */
export function listServer(current: () => string) {
  return async (_url: string, init: { readonly headers: Readonly<Record<string, string>> }): Promise<Response> => {
    const token = current();
    const etag = `"${token.slice(-20)}"`;
    if (init.headers["if-none-match"] === etag) return new Response(null, { status: 304, headers: { etag } });
    return new Response(token, { headers: { etag } });
  };
}

const header = Buffer.from(JSON.stringify({ alg: "ES256", typ: "at+jwt", kid: "bench-key" })).toString("base64url");

export function signToken(key: SigningKey, claims: Record<string, unknown> = accessTokenClaims()): SignedToken {
  const signingInput = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  const bytes = Buffer.from(signingInput);
  const p1363 = sign("sha256", bytes, { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return { text: `${signingInput}.${p1363.toString("base64url")}`, signingInput: bytes, der: toDer(p1363), p1363 };
}

export function signTokens(key: SigningKey, count: number): readonly SignedToken[] {
  return Array.from({ length: count }, () => signToken(key));
}

/** The token with one bit of its signature turned. */
export function spoil(token: SignedToken): SignedToken {
  const p1363 = Buffer.from(token.p1363);
  p1363.writeUInt8(p1363.readUInt8(40) ^ 1, 40);
  const text = `${token.text.slice(0, token.text.lastIndexOf("."))}.${p1363.toString("base64url")}`;
  return { text, signingInput: token.signingInput, der: toDer(p1363), p1363 };
}

function toDer(p1363: Buffer): Buffer {
  const body = Buffer.concat([derInteger(p1363.subarray(0, 32)), derInteger(p1363.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function derInteger(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const short = bytes.subarray(start);
  const padded = (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short;
  return Buffer.concat([Buffer.of(0x02, padded.length), padded]);
}
