import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";

/** Signature types (C2SP signed-note, "Signature types"): a log's own, and a witness's with its time. */
export const signatureTypes = { ed25519: 1, cosignature: 4 } as const;

/** A public key as verifiers know it: `name+hexadecimal id+base64(type and key)`. */
export interface VerifierKey {
  readonly name: string;
  /** First four bytes of the digest of name, type and key. */
  readonly id: number;
  readonly type: number;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  readonly id: number;
  /** What follows the key's id. */
  readonly bytes: Uint8Array;
}

/** A note taken apart. Nothing in it is verified. */
export interface Note {
  /** The text with its last newline: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Long enough for sixteen signatures of any size that are seen. */
const maxNoteBytes = 100_000;
const maxSignatures = 64;

/** The id of a key (C2SP signed-note, "Signatures"). */
export function keyId(name: string, type: number, publicKey: Uint8Array): number {
  return createHash("sha256")
    .update(`${name}\n`)
    .update(Uint8Array.of(type))
    .update(publicKey)
    .digest()
    .readUInt32BE(0);
}

/** Whether it may name a key: not empty, no white space, no control character, no plus. */
export function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}\p{Z}]+$/u.test(name) && name.length <= 255 && name.isWellFormed();
}

/**
 * Makes a verifier key of an Ed25519 public key of 32 bytes.
 * @throws TypeError when the name cannot be one or the key has another length
 */
export function verifierKeyOf(name: string, type: number, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new TypeError("A key's name has no white space and no plus sign.");
  if (publicKey.length !== 32) throw new TypeError("An Ed25519 public key has 32 bytes.");
  return { name, type, publicKey, id: keyId(name, type, publicKey) };
}

/** A verifier key as text, for a file of keys. */
export function formatVerifierKey({ name, type, publicKey, id }: VerifierKey): string {
  return `${name}+${hexId(id)}+${Buffer.concat([Uint8Array.of(type), publicKey]).toString("base64")}`;
}

/**
 * Reads a verifier key.
 * @throws TypeError saying what is wrong with it
 */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  const [, name = "", id = "", encoded = ""] = match ?? [];
  const bytes = decodeBase64(encoded);
  if (match === null || bytes === undefined) throw new TypeError("A key looks like name+0123abcd+base64.");
  const [type] = bytes;
  if (type !== signatureTypes.ed25519 && type !== signatureTypes.cosignature)
    throw new TypeError("Only Ed25519 keys are known here: type 1 for a log, type 4 for a witness.");
  const key = verifierKeyOf(name, type, bytes.subarray(1));
  if (hexId(key.id) !== id) throw new TypeError("The key's id is not the one of this name and key: it was mistyped.");
  return key;
}

/** Standard Base64 in its one spelling; undefined for anything else. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/**
 * Takes a note apart (C2SP signed-note, "Format"), strictly.
 * @returns undefined when it is none
 */
export function parseNote(note: string): Note | undefined {
  // eslint-disable-next-line no-control-regex -- the format forbids them
  if (note.length > maxNoteBytes || /[\u0000-\u0009\u000b-\u001f]/.test(note) || !note.isWellFormed()) return undefined;
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) return undefined;
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > maxSignatures) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (signature === undefined) return undefined;
    signatures.push(signature);
  }
  return { text: note.slice(0, split + 1), signatures };
}

/** Reads one line of signature, without its newline. */
export function parseSignatureLine(line: string): NoteSignature | undefined {
  const match = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line);
  const [, name = "", encoded = ""] = match ?? [];
  const bytes = decodeBase64(encoded);
  if (match === null || !isKeyName(name) || bytes === undefined || bytes.length < 5) return undefined;
  return { name, id: Buffer.from(bytes).readUInt32BE(0), bytes: bytes.subarray(4) };
}

/** One line of signature, with its newline. */
export function formatSignatureLine(key: Pick<VerifierKey, "name" | "id">, signature: Uint8Array): string {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(key.id);
  return `\u2014 ${key.name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
}

/** Whether a line of a note is by this key, by name and id. Says nothing about the signature. */
export function isBy(key: VerifierKey, signature: NoteSignature): boolean {
  return key.name === signature.name && key.id === signature.id;
}

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");
const keyObjects = new WeakMap<Uint8Array, ReturnType<typeof createPublicKey>>();

/** Verifies an Ed25519 signature (RFC 8032). */
export function isSignedBy(publicKey: Uint8Array, message: Uint8Array | string, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  let key = keyObjects.get(publicKey);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: "der", type: "spki" });
    keyObjects.set(publicKey, key);
  }
  return verifySignature(null, Buffer.from(message), key, signature);
}

const hexId = (id: number): string => id.toString(16).padStart(8, "0");
