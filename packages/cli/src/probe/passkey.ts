import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A passkey in software: one ES256 key that is bound to one relying party. */
export interface ProbePasskey {
  /** base64url. */
  readonly id: string;
  readonly rpId: string;
  /** base64url. */
  readonly userHandle: string;
  readonly privateKey: KeyObject;
}

/** Whom an answer is for, and to which question. */
interface Ceremony {
  readonly origin: string;
  /** base64url. */
  readonly challenge: string;
}

// user present and verified: nobody is asked, so this says no more than that the key was there
const presentAndVerified = 0x05;
const withCredential = 0x40;

export function newPasskey(rpId: string, userHandle: string): ProbePasskey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { id: randomBytes(32).toString("base64url"), rpId, userHandle, privateKey };
}

/** The answer to `navigator.credentials.create()`, with an attestation of the format `none` (WebAuthn L3 section 8.7). */
export function register(passkey: ProbePasskey, ceremony: Ceremony): Readonly<Record<string, unknown>> {
  const id = Buffer.from(passkey.id, "base64url");
  const aaguidAndLength = Buffer.alloc(18);
  aaguidAndLength.writeUInt16BE(id.length, 16);
  const data = authenticatorData(
    passkey.rpId,
    presentAndVerified | withCredential,
    Buffer.concat([aaguidAndLength, id, coseKey(passkey.privateKey)]),
  );
  return answer(passkey, {
    clientDataJSON: clientData("webauthn.create", ceremony).toString("base64url"),
    attestationObject: attestationObject(data).toString("base64url"),
    transports: ["internal"],
  });
}

/** The answer to `navigator.credentials.get()`. */
export function assertPasskey(passkey: ProbePasskey, ceremony: Ceremony): Readonly<Record<string, unknown>> {
  const client = clientData("webauthn.get", ceremony);
  const data = authenticatorData(passkey.rpId, presentAndVerified, Buffer.alloc(0));
  const signature = sign("sha256", Buffer.concat([data, sha256(client)]), passkey.privateKey);
  return answer(passkey, {
    clientDataJSON: client.toString("base64url"),
    authenticatorData: data.toString("base64url"),
    signature: signature.toString("base64url"),
    userHandle: passkey.userHandle,
  });
}

function answer({ id }: ProbePasskey, response: object): Readonly<Record<string, unknown>> {
  return { id, rawId: id, type: "public-key", clientExtensionResults: {}, response };
}

function clientData(type: string, { challenge, origin }: Ceremony): Buffer {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
}

/** WebAuthn L3 section 6.1. The counter stays 0: this key does not count. */
function authenticatorData(rpId: string, flags: number, attested: Buffer): Buffer {
  return Buffer.concat([sha256(Buffer.from(rpId)), Buffer.of(flags), Buffer.alloc(4), attested]);
}

/** `{ fmt: "none", attStmt: {}, authData }` in CBOR (RFC 8949): everything but the data is always the same. */
function attestationObject(data: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(data.length);
  const head = [0xa3, ...name("fmt"), ...name("none"), ...name("attStmt"), 0xa0, ...name("authData")];
  // canonical: two bytes of length only where one does not do
  const size = data.length < 256 ? [0x58, data.length] : [0x59, ...length];
  return Buffer.concat([Buffer.from([...head, ...size]), data]);
}

/** RFC 9053 section 7.1.1: kty EC2, alg ES256, crv P-256, x, y, in CBOR. */
function coseKey(privateKey: KeyObject): Buffer {
  const { x = "", y = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  const coordinate = (label: number, value: string) => [Buffer.of(label, 0x58, 32), Buffer.from(value, "base64url")];
  return Buffer.concat([
    Buffer.of(0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01),
    ...coordinate(0x21, x),
    ...coordinate(0x22, y),
  ]);
}

/** A text of fewer than 24 bytes in CBOR. */
const name = (text: string): number[] => [0x60 | text.length, ...Buffer.from(text)];
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest();
