import { hash } from "node:crypto";
import type { Engine, RandomSource, Secrets } from "../engine.js";

const prefix = "segno_rt_";
const bodyBytes = 52;
const bodyLength = 70;
const macLength = 43;
const macPurpose = "refresh_token";
const successorPurpose = "refresh_token.successor";
const nonceBytes = 32;

/** A refresh token taken apart. Only `hash` says whether it is good; `isGenuine` says whether we ever made it. */
export interface ParsedRefreshToken {
  readonly text: string;
  readonly familyId: string;
  readonly generation: number;
  /** SHA-256 of the whole text, base64url: what the store holds. */
  readonly hash: string;
  /** Whether the check mark is ours: nobody who made a token up can end a family with it. */
  readonly isGenuine: () => boolean;
}

/** `segno_rt_`, then family id, generation and 256 random bits, then a check mark (HMAC) over those. */
export function newRefreshToken(
  parts: Pick<Engine, "random" | "secrets">,
  family: { readonly id: string; readonly generation: number },
): string {
  return writeToken(family, parts.random.bytes(32), (text) => parts.secrets.mac(macPurpose, text));
}

function writeToken(
  family: { readonly id: string; readonly generation: number },
  bits: Uint8Array,
  checkMark: (text: string) => string,
): string {
  const body = Buffer.alloc(bodyBytes);
  body.write(family.id.replaceAll("-", ""), 0, 16, "hex");
  body.writeUInt32BE(family.generation, 16);
  body.set(bits, 20);
  const text = body.toString("base64url");
  return `${prefix}${text}${checkMark(text)}`;
}

/** @returns undefined for anything that is not one of our refresh tokens by shape */
export function parseRefreshToken(secrets: Secrets, text: string): ParsedRefreshToken | undefined {
  if (!text.startsWith(prefix) || text.length !== prefix.length + bodyLength + macLength) return undefined;
  const bodyText = text.slice(prefix.length, prefix.length + bodyLength);
  const macText = text.slice(prefix.length + bodyLength);
  const body = Buffer.from(bodyText, "base64url");
  // Node decodes leniently: only the canonical spelling comes back as it went in
  if (body.toString("base64url") !== bodyText) return undefined;
  if (Buffer.from(macText, "base64url").toString("base64url") !== macText) return undefined;
  const id = body.toString("hex", 0, 16);
  return {
    text,
    familyId: `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`,
    generation: body.readUInt32BE(16),
    hash: hashRefreshToken(text),
    isGenuine: () => secrets.matches(macPurpose, bodyText, macText),
  };
}

export function isRefreshTokenShaped(text: string): boolean {
  return text.startsWith(prefix);
}

export function hashRefreshToken(text: string): string {
  return hash("sha256", text, "base64url");
}

/** What the successor of a token is made of. */
interface Succession {
  readonly presented: ParsedRefreshToken;
  /** Fresh for each rotation, and kept until the next one. */
  readonly nonce: string;
}

/**
 * The token that follows the presented one. It is derived, not drawn, so that a repeat is answered with the same one:
 * from the presented token, a nonce that lies in the store, and a secret that does not. The store holds only the
 * hash of the presented token, so neither a dump nor the server's secrets, nor both, make a successor.
 */
export function newSuccessor(secrets: Secrets, succession: Succession): string {
  return successorOf(succession, secrets.mac(successorPurpose, seedOf(succession)), (text) =>
    secrets.mac(macPurpose, text),
  );
}

/**
 * The same token once more, while it is current. The list of secrets may have got a new head since.
 * @returns undefined when the secret it was derived under is not listed any more
 */
export function sameSuccessor(secrets: Secrets, succession: Succession, currentHash: string): string | undefined {
  const successors = secrets
    .macs(successorPurpose, seedOf(succession))
    .map((mac, index) => successorOf(succession, mac, (text) => secrets.macs(macPurpose, text)[index] ?? ""));
  return successors.find((successor) => hashRefreshToken(successor) === currentHash);
}

export function newNonce(random: RandomSource): string {
  return Buffer.from(random.bytes(nonceBytes)).toString("base64url");
}

function seedOf({ presented, nonce }: Succession): string {
  return `${nonce}.${presented.text}`;
}

function successorOf({ presented }: Succession, mac: string, checkMark: (text: string) => string): string {
  const { familyId, generation } = presented;
  return writeToken({ id: familyId, generation: generation + 1 }, Buffer.from(mac, "base64url"), checkMark);
}
