import type { LogSigner, SignedCheckpoint } from "./checkpoint.js";
import { formatSignatureLine, isBy, isSignedBy, signatureTypes, type VerifierKey, verifierKeyOf } from "./note.js";

/** The last second a date can tell. */
const latestSeconds = 8_640_000_000_000n;

/** What a witness signs (C2SP tlog-cosignature, "Ed25519 signed message"). */
function cosignedMessage(text: string, atSeconds: number): string {
  return `cosignature/v1\ntime ${atSeconds}\n${text}`;
}

/**
 * A witness's line of signature for a checkpoint, with its newline. Whoever calls this has checked that the checkpoint
 * follows on the last one.
 */
export async function cosign({ note }: SignedCheckpoint, witness: LogSigner, atMs: number): Promise<string> {
  const key = verifierKeyOf(witness.keyName, signatureTypes.cosignature, witness.publicKey);
  const atSeconds = Math.floor(atMs / 1000);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(atSeconds));
  const signature = await witness.sign(Buffer.from(cosignedMessage(note.text, atSeconds)));
  return formatSignatureLine(key, Buffer.concat([time, signature]));
}

/** When a witness cosigned, in milliseconds since 1970; undefined when it did not, or not validly. */
export function cosignedAtMs({ note }: SignedCheckpoint, witness: VerifierKey): number | undefined {
  if (witness.type !== signatureTypes.cosignature) return undefined;
  for (const { bytes } of note.signatures.filter((signature) => isBy(witness, signature))) {
    if (bytes.length !== 72) continue;
    const atSeconds = Buffer.from(bytes).readBigUInt64BE(0);
    if (atSeconds > latestSeconds) continue;
    const message = cosignedMessage(note.text, Number(atSeconds));
    if (isSignedBy(witness.publicKey, message, bytes.subarray(8))) return Number(atSeconds) * 1000;
  }
  return undefined;
}
