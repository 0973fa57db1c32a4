import {
  decodeBase64,
  formatSignatureLine,
  isBy,
  isSignedBy,
  type Note,
  parseNote,
  signatureTypes,
  type VerifierKey,
  verifierKeyOf,
} from "./note.js";
import { hashLength } from "./tree-hash.js";

/** What a log says of itself at one moment. */
export interface Checkpoint {
  /** Which log: a URL without its scheme. */
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** A checkpoint with its signatures, none of them verified yet. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: Note;
}

/** Signs as one key. The private half stays wherever it is. */
export interface LogSigner {
  /** The key's name in signature lines: the log's origin. */
  readonly keyName: string;
  /** The Ed25519 public key, 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array;
  /** The Ed25519 signature over the bytes, 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The text of a checkpoint (C2SP tlog-checkpoint, "Note text"), as it is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/** A signed checkpoint. @throws Error what the signer throws, or when it gives no Ed25519 signature of its key */
export async function signCheckpoint(checkpoint: Checkpoint, signer: LogSigner): Promise<string> {
  const key = verifierKeyOf(signer.keyName, signatureTypes.ed25519, signer.publicKey);
  const text = checkpointText(checkpoint);
  const signature = await signer.sign(Buffer.from(text));
  // a checkpoint that nobody can verify would be found out when it is too late
  if (!isSignedBy(key.publicKey, text, signature)) throw new Error("The signer did not sign with the key it names.");
  return `${text}\n${formatSignatureLine(key, signature)}`;
}

/** Reads a checkpoint; undefined when it is none. Extension lines are allowed and say nothing here. */
export function parseCheckpoint(text: string): SignedCheckpoint | undefined {
  const note = parseNote(text);
  if (note === undefined) return undefined;
  const [origin = "", sizeText = "", rootText = "", ...rest] = note.text.split("\n");
  const root = decodeBase64(rootText);
  const size = Number(sizeText);
  if (origin === "" || root?.length !== hashLength || rest.pop() !== "" || rest.includes("")) return undefined;
  if (!/^(0|[1-9]\d{0,15})$/.test(sizeText) || !Number.isSafeInteger(size)) return undefined;
  return { origin, size, root, note };
}

/** What the log's own signatures on a checkpoint are worth. */
export type SignatureState = "signed" | "unknown_key" | "bad_signature";

/**
 * Looks at the log's signature. A line by a known key that does not verify spoils the note, whatever else it carries.
 * @param keys the log's keys; only those named like the origin count
 */
export function checkpointSignature(
  { note, origin }: SignedCheckpoint,
  keys: readonly VerifierKey[],
): { readonly state: SignatureState; readonly by: readonly VerifierKey[] } {
  const by: VerifierKey[] = [];
  for (const key of keys.filter(({ name, type }) => name === origin && type === signatureTypes.ed25519)) {
    for (const line of note.signatures.filter((signature) => isBy(key, signature))) {
      if (!isSignedBy(key.publicKey, note.text, line.bytes)) return { state: "bad_signature", by: [] };
      by.push(key);
    }
  }
  return { state: by.length > 0 ? "signed" : "unknown_key", by };
}
