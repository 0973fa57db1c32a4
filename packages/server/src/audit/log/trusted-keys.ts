import { checkpointSignature, type SignatureState, type SignedCheckpoint } from "./checkpoint.js";
import { parseVerifierKey, signatureTypes, type VerifierKey } from "./note.js";

/** A key that a verifier trusts to sign for the log, and for how long. */
export interface TrustedKey {
  readonly key: VerifierKey;
  /** The smallest log it may sign. Default 0. */
  readonly fromSize?: number;
  /** The largest one. Default: any. */
  readonly untilSize?: number;
}

/**
 * Reads a file of keys: one a line, `NAME+ID+KEY`, then optionally `from=SIZE` and `until=SIZE`; `#` begins a comment.
 * A key that was rotated away needs its `until`: without, whoever finds it may still sign.
 * @throws TypeError naming the line that is wrong
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { parseTrustedKeys } from "@segno/server/audit";
 * const keys = parseTrustedKeys(readFileSync("keys.txt", "utf8"));
 * console.log(keys.length);
 * ```
 */
export function parseTrustedKeys(text: string): readonly TrustedKey[] {
  const keys: TrustedKey[] = [];
  for (const [place, line] of text.split("\n").entries()) {
    const [key = "", ...limits] = line.split(/\s+/).filter((word) => word !== "");
    if (key === "" || key.startsWith("#")) continue;
    try {
      const parsed = parseVerifierKey(key);
      if (parsed.type !== signatureTypes.ed25519) throw new TypeError("a witness's key belongs into the policy.");
      keys.push({ key: parsed, ...limitsOf(limits) });
    } catch (error) {
      throw new TypeError(`Keys line ${place + 1}: ${error instanceof Error ? error.message : "wrong"}`);
    }
  }
  if (keys.length === 0) throw new TypeError("The file names no key.");
  return keys;
}

function limitsOf(words: readonly string[]): Omit<TrustedKey, "key"> {
  const limits: { fromSize?: number; untilSize?: number } = {};
  for (const word of words) {
    const match = /^(from|until)=(0|[1-9]\d{0,15})$/.exec(word);
    if (match === null) throw new TypeError("behind a key come from=SIZE and until=SIZE only.");
    limits[match[1] === "from" ? "fromSize" : "untilSize"] = Number(match[2]);
  }
  return limits;
}

/** What a signature is worth, with the limits of its key: one used outside them counts for nothing. */
export function trustedSignature(
  checkpoint: SignedCheckpoint,
  keys: readonly TrustedKey[],
): SignatureState | "key_out_of_range" {
  const { state, by } = checkpointSignature(
    checkpoint,
    keys.map(({ key }) => key),
  );
  if (state !== "signed") return state;
  const isInRange = ({ key, fromSize = 0, untilSize = Number.POSITIVE_INFINITY }: TrustedKey): boolean =>
    by.includes(key) && checkpoint.size >= fromSize && checkpoint.size <= untilSize;
  return keys.some(isInRange) ? "signed" : "key_out_of_range";
}
