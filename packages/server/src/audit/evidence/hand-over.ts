import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { SegnoError, systemClock } from "@segno/core";
import { canonicalJson, type JsonValue, parseCanonicalJson } from "../log/index.js";
import { custodyName, decodeManifest, manifestName, sha256 } from "./manifest.js";
import type { BundleFiles } from "./zip.js";

/** One line of the custody record: who gave the bundle to whom, when, why, and what it was before and after. */
export interface HandOver {
  /** RFC 3339 UTC. */
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /** What the record stood at: for the first line the SHA-256 of the manifest, else `after` of the line before. Hex. */
  readonly before: string;
  /** SHA-256 of `before` and this line without `after` and `signature`. Hex. */
  readonly after: string;
  /** The Ed25519 public key of who hands over, base64url. Whose it is has to be known from elsewhere. */
  readonly key: string;
  /** Over this line without `signature`, base64url. */
  readonly signature: string;
}

/** Who hands over to whom. */
export interface HandOverInput {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /** When, milliseconds since the epoch. Default: now. */
  readonly atMs?: number;
  /** PKCS #8 PEM of an Ed25519 key. */
  readonly privateKey: string;
}

/**
 * The bundle with one more line in its custody record.
 * @throws SegnoError `invalid_input` for a key that is not Ed25519, an empty name or reason, or a record that is broken already
 */
export function handOver(files: BundleFiles, input: HandOverInput): BundleFiles {
  const key = readKey(input.privateKey);
  const told = { from: input.from.trim(), to: input.to.trim(), reason: input.reason.trim() };
  if (Object.values(told).some((text) => text === "" || text.length > 500))
    throw new SegnoError(
      "invalid_input",
      "A hand-over needs from whom, to whom and why, each in 500 characters at most.",
    );
  const record = readCustody(files);
  if (record.fault !== undefined)
    throw new SegnoError("invalid_input", `The custody record is broken: ${record.fault}`);
  const facts = {
    at: new Date(input.atMs ?? systemClock.nowMs()).toISOString(),
    ...told,
    before: record.head,
    key: publicOf(key),
  };
  const line = { ...facts, after: afterOf(facts) };
  const signature = sign(null, Buffer.from(canonicalJson(line)), key).toString("base64url");
  const before = files.get(custodyName) ?? new Uint8Array();
  const grown = Buffer.concat([before, Buffer.from(`${canonicalJson({ ...line, signature })}\n`)]);
  return new Map([...[...files].filter(([name]) => name !== custodyName), [custodyName, grown]]);
}

/** The record as far as it holds, where it stands, and what is wrong with the first line that does not. */
export function readCustody(files: BundleFiles): {
  readonly handOvers: readonly HandOver[];
  readonly head: string;
  readonly fault?: string;
} {
  const manifest = files.get(manifestName);
  if (manifest === undefined || decodeManifest(manifest) === undefined)
    return { handOvers: [], head: "", fault: "there is no manifest it could begin with" };
  const handOvers: HandOver[] = [];
  let head = sha256(manifest);
  const text = Buffer.from(files.get(custodyName) ?? []).toString();
  if (text !== "" && !text.endsWith("\n")) return { handOvers, head, fault: "it ends in the middle of a line" };
  for (const [place, line] of text.split("\n").slice(0, -1).entries()) {
    const entry = readLine(line);
    const fault = entry === undefined ? "is no entry" : faultOf(entry, head);
    if (entry === undefined || fault !== undefined) return { handOvers, head, fault: `line ${place + 1} ${fault}` };
    handOvers.push(entry);
    head = entry.after;
  }
  return { handOvers, head };
}

function faultOf(entry: HandOver, head: string): string | undefined {
  if (entry.before !== head) return "does not go on from what stands before it";
  const { signature, ...line } = entry;
  const { after, ...facts } = line;
  if (after !== afterOf(facts)) return "does not come to the hash it names";
  const key = { kty: "OKP", crv: "Ed25519", x: entry.key };
  try {
    const isSigned = verify(
      null,
      Buffer.from(canonicalJson({ ...line })),
      createPublicKey({ key, format: "jwk" }),
      Buffer.from(signature, "base64url"),
    );
    return isSigned ? undefined : "is not signed by the key it names";
  } catch {
    return "names no key";
  }
}

const names = ["after", "at", "before", "from", "key", "reason", "signature", "to"];

function readLine(line: string): HandOver | undefined {
  try {
    const value = parseCanonicalJson(line);
    if (typeof value !== "object" || value === null) return undefined;
    const given = Object.entries(value);
    const isEntry =
      given.length === names.length && given.every(([name, text]) => names.includes(name) && typeof text === "string");
    return isEntry ? (value as unknown as HandOver) : undefined;
  } catch {
    return undefined;
  }
}

function afterOf(facts: Readonly<Record<string, JsonValue>>): string {
  return hash("sha256", `${String(facts["before"])}\n${canonicalJson(facts)}`, "hex");
}

function readKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // told below, without quoting it
  }
  throw new SegnoError(
    "invalid_input",
    "The key is no Ed25519 private key in PEM. Make one: openssl genpkey -algorithm ed25519",
  );
}

function publicOf(key: KeyObject): string {
  return String(createPublicKey(key).export({ format: "jwk" }).x);
}
