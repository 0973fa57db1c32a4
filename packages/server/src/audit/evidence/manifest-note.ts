import {
  formatSignatureLine,
  isBy,
  isSignedBy,
  type LogSigner,
  parseNote,
  signatureTypes,
  type TrustedKey,
  verifierKeyOf,
} from "../log/index.js";
import { sha256 } from "./manifest.js";

export const noteName = "manifest.note";

/** Never a checkpoint: there a size stands in the second line. */
const textOf = (origin: string, manifest: Uint8Array): string => `${origin}\nevidence sha256:${sha256(manifest)}\n`;

/** The log's own signature on what a bundle holds (C2SP signed-note). */
export async function signManifest(origin: string, manifest: Uint8Array, signer: LogSigner): Promise<Uint8Array> {
  const text = textOf(origin, manifest);
  const key = verifierKeyOf(signer.keyName, signatureTypes.ed25519, signer.publicKey);
  return Buffer.from(`${text}\n${formatSignatureLine(key, await signer.sign(Buffer.from(text)))}`);
}

/** What is wrong with it; undefined for nothing. */
export function manifestFault(
  signed: { readonly origin: string; readonly manifest: Uint8Array; readonly note: Uint8Array | undefined },
  keys: readonly TrustedKey[],
): string | undefined {
  const note = parseNote(Buffer.from(signed.note ?? []).toString());
  if (note === undefined) return "is missing, or no signature";
  if (note.text !== textOf(signed.origin, signed.manifest)) return "was made for another manifest";
  const isSigned = keys.some(({ key }) =>
    note.signatures.some(
      (line) => key.name === signed.origin && isBy(key, line) && isSignedBy(key.publicKey, note.text, line.bytes),
    ),
  );
  return isSigned ? undefined : "is not signed by a key of the log";
}
