import { randomBytes } from "node:crypto";
import type { KeyAlgorithm, KeyPurpose } from "@segno/server/custody";
import { pkcs11Fault } from "./fault.js";
import type { Handle, Session } from "./token.js";

/** CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, CKK_EC_EDWARDS: PKCS #11 v3.0, which pkcs11js has no names for. */
const edwards = { generate: 0x1055, sign: 0x1057, keyType: 0x40 };
/** The curves in DER: the OID of P-256 (RFC 5480 section 2.1.1.1) and the name of PKCS #11 v3.0 section 2.3.7. */
const curves: Readonly<Record<KeyAlgorithm, Buffer>> = {
  ES256: Buffer.from("06082a8648ce3d030107", "hex"),
  EdDSA: Buffer.from("130c656477617264733235353139", "hex"),
};

export interface MadeKey {
  readonly handle: string;
  readonly publicJwk: Readonly<Record<string, string>>;
}

/** Makes a key pair on the token and reads back that its private half cannot leave. */
export async function makeKey(
  session: Session,
  input: { readonly purpose: KeyPurpose; readonly algorithm: KeyAlgorithm },
): Promise<MadeKey> {
  const { pkcs11, library } = session;
  const { purpose, algorithm } = input;
  const name = `segno:${purpose}:${randomBytes(12).toString("hex")}`;
  const common = [
    { type: pkcs11.CKA_TOKEN, value: true },
    { type: pkcs11.CKA_KEY_TYPE, value: algorithm === "ES256" ? pkcs11.CKK_EC : edwards.keyType },
    { type: pkcs11.CKA_LABEL, value: name },
    { type: pkcs11.CKA_ID, value: Buffer.from(name) },
  ];
  const { publicKey, privateKey } = await library.C_GenerateKeyPairAsync(
    session.handle,
    { mechanism: algorithm === "ES256" ? pkcs11.CKM_EC_KEY_PAIR_GEN : edwards.generate },
    [
      ...common,
      { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PUBLIC_KEY },
      { type: pkcs11.CKA_VERIFY, value: true },
      { type: pkcs11.CKA_EC_PARAMS, value: curves[algorithm] },
    ],
    [
      ...common,
      { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
      { type: pkcs11.CKA_PRIVATE, value: true },
      { type: pkcs11.CKA_SENSITIVE, value: true },
      { type: pkcs11.CKA_EXTRACTABLE, value: false },
      { type: pkcs11.CKA_SIGN, value: true },
    ],
  );
  try {
    requireUnexportable(session, privateKey);
    return { handle: name, publicJwk: readPoint(session, publicKey, algorithm) };
  } catch (error) {
    for (const object of [privateKey, publicKey]) library.C_DestroyObject(session.handle, object);
    throw error;
  }
}

/** The private half of a key, by its name. @throws SegnoError `key_unavailable` unless there is exactly one */
export function findPrivateKey(session: Session, name: string): Handle {
  const known = session.objects.get(name);
  if (known !== undefined) return known;
  const [found, ...more] = findObjects(session, name, session.pkcs11.CKO_PRIVATE_KEY);
  if (found === undefined || more.length > 0) throw pkcs11Fault("there is no such key on the token.", "no_key");
  requireUnexportable(session, found);
  session.objects.set(name, found);
  return found;
}

/** Removes both halves. What is gone already is fine. */
export function destroyKey(session: Session, name: string): void {
  const { pkcs11, library } = session;
  session.objects.delete(name);
  for (const kind of [pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY]) {
    for (const object of findObjects(session, name, kind)) library.C_DestroyObject(session.handle, object);
  }
}

/** r||s over a SHA-256 digest for ES256 (CKM_ECDSA makes it so), 64 bytes over the message for EdDSA. */
export async function signWith(
  session: Session,
  key: Handle,
  input: { readonly algorithm: KeyAlgorithm; readonly message: Buffer },
): Promise<Uint8Array> {
  const { pkcs11, library, handle } = session;
  library.C_SignInit(handle, { mechanism: input.algorithm === "ES256" ? pkcs11.CKM_ECDSA : edwards.sign }, key);
  const signature = await library.C_SignAsync(handle, input.message, Buffer.alloc(128));
  if (signature.length !== 64) throw pkcs11Fault("answered with a signature that is none.", "nonsense");
  return new Uint8Array(signature);
}

/** Whether the token can do what is needed. */
export function requireMechanisms({ pkcs11, library, handle }: Session): void {
  const { slotID } = library.C_GetSessionInfo(handle);
  for (const mechanism of [pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.CKM_ECDSA]) library.C_GetMechanismInfo(slotID, mechanism);
}

function findObjects({ pkcs11, library, handle }: Session, name: string, kind: number): Handle[] {
  library.C_FindObjectsInit(handle, [
    { type: pkcs11.CKA_CLASS, value: kind },
    { type: pkcs11.CKA_LABEL, value: name },
    { type: pkcs11.CKA_ID, value: Buffer.from(name) },
  ]);
  try {
    return library.C_FindObjects(handle, 2);
  } finally {
    library.C_FindObjectsFinal(handle);
  }
}

function requireUnexportable({ pkcs11, library, handle }: Session, key: Handle): void {
  const [isSensitive, isExtractable] = library.C_GetAttributeValue(handle, key, [
    { type: pkcs11.CKA_SENSITIVE },
    { type: pkcs11.CKA_EXTRACTABLE },
  ]);
  if (asBoolean(isSensitive?.value) !== true || asBoolean(isExtractable?.value) !== false) {
    throw pkcs11Fault("the token keeps this key so that it can be exported.", "exportable");
  }
}

function asBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  return Buffer.isBuffer(value) && value.length === 1 ? value[0] !== 0 : undefined;
}

/** CKA_EC_POINT: the point in a DER OCTET STRING, which some tokens leave away. */
function readPoint(session: Session, key: Handle, algorithm: KeyAlgorithm): Readonly<Record<string, string>> {
  const { pkcs11, library, handle } = session;
  const [attribute] = library.C_GetAttributeValue(handle, key, [{ type: pkcs11.CKA_EC_POINT }]);
  const raw = Buffer.isBuffer(attribute?.value) ? attribute.value : Buffer.alloc(0);
  const length = algorithm === "ES256" ? 65 : 32;
  const isInDer = raw.length === length + 2 && raw[0] === 0x04 && raw[1] === length;
  const point = isInDer ? raw.subarray(2) : raw;
  const text = (from: number, to: number): string => point.subarray(from, to).toString("base64url");
  if (algorithm === "EdDSA" && point.length === 32) return { kty: "OKP", crv: "Ed25519", x: text(0, 32) };
  if (algorithm === "ES256" && point.length === 65 && point[0] === 0x04) {
    return { kty: "EC", crv: "P-256", x: text(1, 33), y: text(33, 65) };
  }
  throw pkcs11Fault("answered with a public key that is none.", "nonsense");
}
