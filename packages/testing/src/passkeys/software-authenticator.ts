import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { type CborValue, concat, encodeCbor } from "./cbor.js";
import {
  type AuthenticationResponse,
  type CreationOptions,
  clientDataJson,
  type RegistrationResponse,
  type RequestOptions,
  type Tampering,
} from "./ceremony.js";

/** What kind of device it plays. */
export interface SoftwareAuthenticatorOptions {
  /** The page's origin, for example `https://app.example.com`. */
  readonly origin: string;
  /** Where keys and credential ids come from. Default: the system's randomness; seeded, both repeat. */
  readonly random?: {
    /** That many bytes. */
    bytes(length: number): Uint8Array;
  };
  /** The counter before the first use. Default: no counter (always 0), as synced passkeys do. Given: grows by one a use. */
  readonly signCount?: number;
  /** Whether new credentials may be synced (BE). Default true: a multi-device passkey. */
  readonly backupEligible?: boolean;
  /** Whether they are synced now (BS). Default: as `backupEligible`. */
  readonly backedUp?: boolean;
  /** Whether it checks a PIN or biometric (UV). Default true. */
  readonly userVerified?: boolean;
}

/** A credential the authenticator holds. */
export interface SoftwareCredential {
  /** base64url. */
  readonly id: string;
  readonly rpId: string;
  /** base64url. */
  readonly userHandle: string;
  readonly counter: number;
}

/** A passkey device without a browser. */
export interface SoftwareAuthenticator {
  /** Answers `navigator.credentials.create()`: keeps a new discoverable ES256 credential. */
  create(options: CreationOptions, lies?: Tampering): Promise<RegistrationResponse>;
  /** Answers `navigator.credentials.get()`: the newest credential of the relying party, or one of those allowed. */
  get(options: RequestOptions, lies?: Tampering): Promise<AuthenticationResponse>;
  /** Oldest first. */
  credentials(): readonly SoftwareCredential[];
  /** Drops a credential, as a user does in the system's settings. */
  forget(credentialId: string): void;
}

interface Held {
  id: string;
  rpId: string;
  userHandle: string;
  counter: number;
  privateKey: KeyObject;
}
interface Device {
  readonly origin: string;
  readonly random: { bytes(length: number): Uint8Array };
  readonly signCount: number | undefined;
  readonly flags: number;
  readonly held: Held[];
}

const es256 = -7;
const aaguid = new Uint8Array(16);
const flag = { userPresent: 0x01, userVerified: 0x04, backupEligible: 0x08, backedUp: 0x10, attested: 0x40 } as const;

/**
 * A passkey authenticator in software: answers WebAuthn ceremonies as a browser with a platform authenticator would,
 * without a browser. Refusals are the `DOMException`s a page sees: `NotAllowedError`, `InvalidStateError` (excluded
 * credential), `NotSupportedError` (no ES256), `SecurityError` (rp id not of this origin).
 * With a seeded `random` keys and credential ids repeat; signatures do not (ECDSA draws a nonce per signature).
 *
 * @example
 * const device = createSoftwareAuthenticator({ origin: "https://app.example.com" });
 * const response = await device.create(creationOptions); // what `/v1/passkeys/sign-up/options` answered as `publicKey`
 * const forged = await device.get(requestOptions, { origin: "https://evil.example" }); // one lie, everything else honest
 */
export function createSoftwareAuthenticator(options: SoftwareAuthenticatorOptions): SoftwareAuthenticator {
  const backupEligible = options.backupEligible ?? true;
  const device: Device = {
    origin: new URL(options.origin).origin,
    random: options.random ?? { bytes: (length) => new Uint8Array(randomBytes(length)) },
    signCount: options.signCount,
    flags:
      flag.userPresent |
      ((options.userVerified ?? true) ? flag.userVerified : 0) |
      (backupEligible ? flag.backupEligible : 0) |
      ((options.backedUp ?? backupEligible) ? flag.backedUp : 0),
    held: [],
  };
  return {
    create: async (creation, lies = {}) => register(device, creation, lies),
    get: async (request, lies = {}) => assert(device, request, lies),
    credentials: () => device.held.map(({ id, rpId, userHandle, counter }) => ({ id, rpId, userHandle, counter })),
    forget(credentialId) {
      const index = device.held.findIndex(({ id }) => id === credentialId);
      if (index >= 0) device.held.splice(index, 1);
    },
  };
}

function register(device: Device, options: CreationOptions, lies: Tampering): RegistrationResponse {
  const rpId = allowedRpId(device, options.rp.id);
  if (!options.pubKeyCredParams.some(({ alg }) => alg === es256))
    throw refusal("NotSupportedError", "Only ES256 is supported.");
  const excluded = new Set(options.excludeCredentials?.map(({ id }) => id));
  if (device.held.some((held) => held.rpId === rpId && excluded.has(held.id))) {
    throw refusal("InvalidStateError", "This authenticator already holds a credential of that account.");
  }
  const userVerification = options.authenticatorSelection?.userVerification;
  requireVerification(device, userVerification);
  const credential: Held = {
    id: lies.credentialId ?? base64Url(device.random.bytes(lies.credentialIdBytes ?? 32)),
    rpId,
    userHandle: options.user.id,
    counter: device.signCount ?? 0,
    privateKey: newPrivateKey(device.random),
  };
  // A second credential for one user handle replaces the first, as platform authenticators do.
  const previous = device.held.findIndex((held) => held.rpId === rpId && held.userHandle === credential.userHandle);
  if (previous >= 0) device.held.splice(previous, 1);
  device.held.push(credential);

  const id = Buffer.from(credential.id, "base64url");
  const attested = concat([
    aaguid,
    Uint8Array.of(id.length >> 8, id.length & 0xff),
    id,
    coseKey(credential.privateKey, lies.algorithm),
  ]);
  const authenticatorData = buildAuthenticatorData(device.flags | flag.attested, credential, attested, lies);
  const clientData = clientDataJson(
    { type: "webauthn.create", challenge: options.challenge, origin: device.origin },
    lies,
  );
  const attestation = new Map<string, CborValue>([
    ["fmt", lies.format ?? "none"],
    ["attStmt", new Map()],
    ["authData", authenticatorData],
  ]);
  const wantsProperties = options.extensions !== undefined && "credProps" in options.extensions;
  return {
    id: credential.id,
    rawId: credential.id,
    type: "public-key",
    authenticatorAttachment: "platform",
    clientExtensionResults: wantsProperties ? { credProps: { rk: true } } : {},
    response: {
      clientDataJSON: base64Url(clientData),
      attestationObject: base64Url(encodeCbor(attestation)),
      authenticatorData: base64Url(authenticatorData),
      transports: ["internal", "hybrid"],
      publicKeyAlgorithm: lies.algorithm ?? es256,
      publicKey: base64Url(createPublicKey(credential.privateKey).export({ type: "spki", format: "der" })),
    },
  };
}

function assert(device: Device, options: RequestOptions, lies: Tampering): AuthenticationResponse {
  const rpId = allowedRpId(device, options.rpId);
  requireVerification(device, options.userVerification);
  const allowed = options.allowCredentials?.length ? new Set(options.allowCredentials.map(({ id }) => id)) : undefined;
  const credential = device.held.findLast(
    (held) => held.rpId === rpId && (allowed === undefined || allowed.has(held.id)),
  );
  if (credential === undefined)
    throw refusal("NotAllowedError", "This authenticator holds no credential for that request.");
  if (device.signCount !== undefined) credential.counter += 1;

  const authenticatorData = buildAuthenticatorData(device.flags, credential, new Uint8Array(0), lies);
  const clientData = clientDataJson(
    { type: "webauthn.get", challenge: options.challenge, origin: device.origin },
    lies,
  );
  const signature = new Uint8Array(
    sign("sha256", concat([authenticatorData, sha256(clientData)]), credential.privateKey),
  );
  const userHandle = lies.userHandle === undefined ? credential.userHandle : lies.userHandle;
  const id = lies.credentialId ?? credential.id;
  return {
    id,
    rawId: id,
    type: "public-key",
    authenticatorAttachment: "platform",
    clientExtensionResults: {},
    response: {
      clientDataJSON: base64Url(clientData),
      authenticatorData: base64Url(authenticatorData),
      signature: base64Url(lies.signature?.(signature) ?? signature),
      ...(userHandle === null ? {} : { userHandle }),
    },
  };
}

/** WebAuthn L3 section 6.1: rp id hash, flags, counter, attested credential data. */
function buildAuthenticatorData(flags: number, credential: Held, attested: Uint8Array, lies: Tampering): Uint8Array {
  const counter = lies.counter ?? credential.counter;
  const bytes = concat([
    sha256(new TextEncoder().encode(lies.rpId ?? credential.rpId)),
    Uint8Array.of(lies.flags?.(flags) ?? flags),
    Uint8Array.of(counter >>> 24, (counter >>> 16) & 0xff, (counter >>> 8) & 0xff, counter & 0xff),
    attested,
  ]);
  return lies.authenticatorData?.(bytes) ?? bytes;
}

function allowedRpId(device: Device, asked: string | undefined): string {
  const host = new URL(device.origin).hostname;
  const rpId = asked ?? host;
  if (host !== rpId && !host.endsWith(`.${rpId}`))
    throw refusal("SecurityError", `"${rpId}" is not an rp id of ${device.origin}.`);
  return rpId;
}

function requireVerification(device: Device, asked: string | undefined): void {
  if (asked === "required" && (device.flags & flag.userVerified) === 0) {
    throw refusal("NotAllowedError", "This authenticator does not verify users.");
  }
}

/** A P-256 key made of bytes of the source, so that a seeded source repeats it. */
function newPrivateKey(random: { bytes(length: number): Uint8Array }): KeyObject {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(random.bytes(32));
  const point = pair.getPublicKey();
  return createPrivateKey({
    format: "jwk",
    key: {
      kty: "EC",
      crv: "P-256",
      d: base64Url(pair.getPrivateKey()),
      x: base64Url(point.subarray(1, 33)),
      y: base64Url(point.subarray(33, 65)),
    },
  });
}

/** RFC 9053 section 7.1.1: an EC2 key. */
function coseKey(privateKey: KeyObject, algorithm: number = es256): Uint8Array {
  const jwk = createPublicKey(privateKey).export({ format: "jwk" });
  const entries: [number, CborValue][] = [
    [1, 2],
    [3, algorithm],
    [-1, 1],
    [-2, new Uint8Array(Buffer.from(jwk.x ?? "", "base64url"))],
    [-3, new Uint8Array(Buffer.from(jwk.y ?? "", "base64url"))],
  ];
  return encodeCbor(new Map(entries));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function refusal(name: string, message: string): DOMException {
  return new DOMException(message, name);
}
