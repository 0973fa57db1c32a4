import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { jwkThumbprint, type PublicJwk, SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import type { Schema } from "../storage/schema.js";
import { algorithmRow, publicJwkOf, type SigningAlgorithmRow } from "./algorithms.js";
import type { KeyCustody, KeyPurpose, RemoteCustody, RemoteKey, WrappingCustody } from "./custody.js";
import { dataAlgorithm, makeDataKey, type OpenedDataKey, openDataKey } from "./data-key.js";
import { signatureAlgorithm } from "./purposes.js";

export type KeyRow = Schema["segno_keys"];

/** What key verbs need of the custody and of what the keys are for. */
export interface CustodyParts {
  readonly custody: KeyCustody;
  readonly purpose: KeyPurpose;
  /** The one in this process: what it sealed is opened after another one was configured. It makes and signs nothing then. */
  readonly local?: WrappingCustody;
}

/** A key ready to be used. */
export type OpenedKey = OpenedSigningKey | OpenedDataKey;

/** A key ready to sign. */
export type OpenedSigningKey = OpenedPrivateKey | OpenedRemoteKey;

/** A private key opened in memory. */
export interface OpenedPrivateKey {
  readonly mode: "wrapped";
  readonly kid: string;
  readonly algorithm: SigningAlgorithmRow;
  readonly privateKey: KeyObject;
}

/** A key that only its custody can use. */
export interface OpenedRemoteKey {
  readonly mode: "remote";
  readonly kid: string;
  readonly algorithm: SigningAlgorithmRow;
  /** @throws SegnoError `key_unavailable`, also when what came back is not a signature by this key */
  sign(signingInput: string): Promise<string>;
}

/** How a custody is named in rows, events and logs. Two modes of one vault are two custodies: neither opens the other's keys. */
export function custodyId(custody: Pick<KeyCustody, "name" | "mode">): string {
  return custody.name === "local" ? "local" : `${custody.name}:${custody.mode}`;
}

/** Whether the configured custody made this key: it signs with no other one. */
export function isOwn(parts: CustodyParts, row: Pick<KeyRow, "custody">): boolean {
  return row.custody === custodyId(parts.custody);
}

/** Calls go through the guard, which makes the signal that counts. */
export const noSignal: AbortSignal = new AbortController().signal;

type MakingParts = Pick<Engine, "config" | "random"> & CustodyParts;

/**
 * Makes a key. The kid of one that signs is its RFC 7638 thumbprint.
 * @throws SegnoError `key_unavailable` when the custody does not make it
 */
export async function generateKey(
  parts: MakingParts,
  state: { readonly nowMs: number; readonly isSigning: boolean },
): Promise<KeyRow> {
  const made = parts.purpose === "data" ? await generateDataKey(parts) : await generateSigningKey(parts);
  return {
    ...made,
    purpose: parts.purpose,
    custody: custodyId(parts.custody),
    state: state.isSigning ? "signing" : "published",
    created_at: state.nowMs,
    published_at: state.nowMs,
    signing_at: state.isSigning ? state.nowMs : null,
    verify_only_at: null,
    retired_at: null,
    latest_exp: null,
    destroyed_at: null,
    settled_at: null,
  };
}

type MadeRow = Pick<KeyRow, "kid" | "algorithm" | "public_jwk" | "private_sealed">;

/** Whether keys of this purpose can be in this custody: what only signs cannot wrap. */
export function canHold(custody: KeyCustody, purpose: KeyPurpose): boolean {
  return purpose !== "data" || custody.mode === "wrapped";
}

async function generateDataKey({ custody, purpose, random }: MakingParts): Promise<MadeRow> {
  if (custody.mode === "remote") throw cannotWrap(custody);
  const { plain, kid } = makeDataKey(random);
  const kept = await custody.wrap(plain, { purpose, kid }, noSignal);
  plain.fill(0);
  const described: PublicJwk = { kty: "oct", kid, alg: dataAlgorithm, use: "enc" };
  return { kid, algorithm: dataAlgorithm, public_jwk: JSON.stringify(described), private_sealed: kept };
}

/** Nothing that comes back by itself: another custody has to be configured. */
export function cannotWrap(custody: KeyCustody): SegnoError {
  return new SegnoError("key_unavailable", "This custody signs and cannot wrap: keys for data need one that does.", {
    detail: { custody: custodyId(custody), reason: "cannot_wrap" },
  });
}

async function generateSigningKey(parts: MakingParts): Promise<MadeRow> {
  const { custody, purpose } = parts;
  const algorithm = requireAlgorithm(signatureAlgorithm(parts.config, purpose, custody));
  const made =
    custody.mode === "remote"
      ? await generateRemote(custody, purpose, algorithm)
      : await generateHere(parts.random, algorithm);
  const kid = await jwkThumbprint(made.publicJwk);
  const publicJwk: PublicJwk = { ...made.publicJwk, kid, alg: algorithm.alg, use: "sig" };
  let kept: string;
  if (custody.mode === "remote" || made.plain === undefined) kept = made.handle;
  else {
    kept = await custody.wrap(made.plain, { purpose, kid }, noSignal);
    made.plain.fill(0);
  }
  return { kid, algorithm: algorithm.alg, public_jwk: JSON.stringify(publicJwk), private_sealed: kept };
}

/** Gives a key back that was made but is not needed, because another node was first. */
export async function discardKey(parts: CustodyParts, row: KeyRow): Promise<void> {
  const { custody } = parts;
  if (custody.mode !== "remote" || custody.destroy === undefined) return;
  await custody.destroy(remoteKeyOf(parts, row), noSignal).catch(() => undefined);
}

/** A row as its custody knows it. */
export function remoteKeyOf(
  parts: Pick<CustodyParts, "purpose">,
  row: Pick<KeyRow, "algorithm" | "private_sealed">,
): RemoteKey {
  const { alg: algorithm } = requireAlgorithm(row.algorithm);
  return { purpose: parts.purpose, algorithm, handle: row.private_sealed };
}

interface MadeKey {
  readonly publicJwk: Readonly<Record<string, string>>;
  readonly handle: string;
  readonly plain?: Buffer;
}

async function generateHere(random: Engine["random"], algorithm: SigningAlgorithmRow): Promise<MadeKey> {
  const key = algorithm.generate(random);
  return { publicJwk: publicJwkOf(key), handle: "", plain: key.export({ format: "der", type: "pkcs8" }) };
}

/** What a vault says of its key is read through node:crypto: only what is a public key of the right kind gets through. */
async function generateRemote(
  custody: RemoteCustody,
  purpose: KeyPurpose,
  algorithm: SigningAlgorithmRow,
): Promise<MadeKey> {
  const { handle, publicJwk } = await custody.generate({ purpose, algorithm: algorithm.alg }, noSignal);
  const { kty, crv } = publicJwk;
  if (kty !== algorithm.kty || crv !== algorithm.crv || handle === "")
    throw nonsense("The custody made a key of another kind than it was asked for.");
  try {
    return { publicJwk: publicJwkOf(publicKeyOf(publicJwk)), handle };
  } catch (cause) {
    throw nonsense("The custody described a key that is none.", cause);
  }
}

function publicKeyOf({ kty = "", crv = "", x = "", y }: PublicJwk): KeyObject {
  return createPublicKey({ key: { kty, crv, x, ...(y === undefined ? {} : { y }) }, format: "jwk" });
}

type SealedRow = Pick<KeyRow, "kid" | "purpose" | "algorithm" | "custody" | "public_jwk" | "private_sealed">;

/**
 * Opens a row's key and holds it against the public half. A key of another purpose or another custody is refused before
 * anything is asked.
 * @throws SegnoError `key_unavailable`
 */
export async function openKey(parts: CustodyParts, row: SealedRow): Promise<OpenedKey> {
  const { purpose } = parts;
  const refused = (message: string) => new SegnoError("key_unavailable", message, { detail: { kid: row.kid } });
  if (row.purpose !== purpose) throw refused("A key made for another purpose was asked for.");
  const custody = custodyOf(parts, row);
  if (custody === undefined) throw refused("The key lies in another custody than the configured one.");
  if (purpose === "data") {
    if (row.algorithm !== dataAlgorithm) throw refused("A stored key does not fit its purpose.");
    if (custody.mode === "remote") throw cannotWrap(custody);
    return openDataKey(await custody.unwrap(row.private_sealed, { purpose, kid: row.kid }, noSignal), row.kid);
  }
  const algorithm = requireAlgorithm(row.algorithm);
  const published = JSON.parse(row.public_jwk) as PublicJwk;
  if (published.alg !== algorithm.alg || published.kty !== algorithm.kty || published.crv !== algorithm.crv)
    throw refused("A stored key does not fit its algorithm.");
  if (custody.mode === "remote") return remoteKey(custody, { row, purpose, algorithm, published });
  const plain = await custody.unwrap(row.private_sealed, { purpose, kid: row.kid }, noSignal);
  const privateKey = importPrivate(plain);
  const own = privateKey === undefined ? undefined : publicJwkOf(privateKey);
  if (privateKey === undefined || own?.["x"] !== published.x || own?.["y"] !== published.y)
    throw refused("A stored key does not fit its public half.");
  return { mode: "wrapped", kid: row.kid, algorithm, privateKey };
}

/** Where a row's key may be opened. What was sealed before a custody was configured must not be lost with the change. */
function custodyOf(parts: CustodyParts, row: SealedRow): KeyCustody | undefined {
  if (isOwn(parts, row)) return parts.custody;
  return parts.purpose === "data" && row.custody === "local" ? parts.local : undefined;
}

function importPrivate(plain: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey({
      key: Buffer.from(plain.buffer, plain.byteOffset, plain.length),
      format: "der",
      type: "pkcs8",
    });
  } catch {
    return undefined;
  } finally {
    plain.fill(0);
  }
}

function remoteKey(
  custody: RemoteCustody,
  key: { row: SealedRow; purpose: KeyPurpose; algorithm: SigningAlgorithmRow; published: PublicJwk },
): OpenedRemoteKey {
  const { row, purpose, algorithm } = key;
  const publicKey = publicKeyOf(key.published);
  const remote = remoteKeyOf({ purpose }, row);
  return {
    mode: "remote",
    kid: row.kid,
    algorithm,
    async sign(signingInput) {
      const input = Buffer.from(signingInput, "latin1");
      const signature = await custody.sign(input, remote, noSignal);
      // what a vault answers is input like any other: nothing leaves that the public key does not verify
      if (!(signature instanceof Uint8Array) || !algorithm.verify(input, signature, publicKey))
        throw nonsense("The custody's answer is not a signature by this key.");
      return Buffer.from(signature).toString("base64url");
    },
  };
}

/**
 * The row's private key wrapped by the custody's newest wrapping key, when it is wrapped by an older one.
 * @returns undefined when there is nothing to do
 * @throws SegnoError `key_unavailable` when it does not open
 */
export async function rewrapKey(
  parts: CustodyParts,
  row: Pick<KeyRow, "kid" | "custody" | "private_sealed">,
): Promise<string | undefined> {
  const { custody, purpose } = parts;
  if (custody.mode === "remote" || custody.rewrap === undefined || !isOwn(parts, row)) return undefined;
  return await custody.rewrap(row.private_sealed, { purpose, kid: row.kid }, noSignal);
}

function requireAlgorithm(alg: string): SigningAlgorithmRow {
  const row = algorithmRow(alg);
  if (row === undefined)
    throw new SegnoError("key_unavailable", "A stored key names an algorithm that is not known here.");
  return row;
}

function nonsense(message: string, cause?: unknown): SegnoError {
  return new SegnoError("key_unavailable", message, {
    retryAfterSeconds: 5,
    ...(cause === undefined ? {} : { cause }),
  });
}
