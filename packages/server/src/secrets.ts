import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import { decodeBase64Url, encodeBase64Url, SegnoError } from "@segno/core";
import type { RandomSource, Secrets } from "./engine.js";

/** One entry of the `SEGNO_SECRET` list. */
export interface VersionedSecret {
  readonly version: number;
  readonly value: string;
}

const nonceBytes = 12;
const tagBytes = 16;
const minLength = 32;

/**
 * Reads `2:new,1:old` (or one secret without a number, which is version 1).
 * @returns the list, newest first, and what is wrong with it; faults never quote a secret
 */
export function parseSecrets(text: string): {
  readonly secrets: readonly VersionedSecret[];
  readonly faults: readonly string[];
} {
  const faults: string[] = [];
  const parts = text.split(",").map((part) => part.trim());
  const secrets = parts.map((part): VersionedSecret => {
    const match = /^(\d{1,9}):(.*)$/s.exec(part);
    if (match === null && parts.length > 1) faults.push('each secret of a list needs its version, as in "2:new,1:old"');
    return match === null ? { version: 1, value: part } : { version: Number(match[1]), value: match[2] ?? "" };
  });
  for (const { version, value } of secrets) {
    if (value.length < minLength) faults.push(`secret ${version} is shorter than ${minLength} characters`);
    else if (new Set(value).size < 8) faults.push(`secret ${version} is not random: it repeats a few characters`);
  }
  if (new Set(secrets.map((secret) => secret.version)).size < secrets.length)
    faults.push("two secrets have one version");
  return { secrets: secrets.toSorted((a, b) => b.version - a.version), faults };
}

/** Derives a key per secret, purpose and use (HKDF-SHA-256), so that no two uses ever share one. */
export function createSecrets(list: readonly VersionedSecret[], random: RandomSource): Secrets {
  const newest = list[0];
  if (newest === undefined) throw new TypeError("At least one secret is needed.");
  // as key objects: node:crypto takes five times as long to use a key given as bytes
  const sealing = new Map<string, KeyObject>();
  const macs = new Map<string, Mac>();

  const keyOf = (secret: VersionedSecret, purpose: string): KeyObject =>
    remember(sealing, `${secret.version}/${purpose}`, () => createSecretKey(derive(secret, "seal", purpose)));
  const macOf = (secret: VersionedSecret, purpose: string): Mac =>
    remember(macs, `${secret.version}/${purpose}`, () => createMac(derive(secret, "mac", purpose)));

  return {
    seal(purpose, plain, context) {
      const nonce = random.bytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", keyOf(newest, purpose), nonce);
      cipher.setAAD(Buffer.from(context));
      const body = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return `v${newest.version}.${encodeBase64Url(body)}`;
    },
    open(purpose, sealed, context) {
      const [label = "", text = "", ...rest] = sealed.split(".");
      const secret = list.find((entry) => `v${entry.version}` === label);
      if (secret === undefined || rest.length > 0)
        throw unavailable("The secret this was sealed with is not listed any more.");
      try {
        return openEnvelope(keyOf(secret, purpose), decodeBase64Url(text), context);
      } catch (cause) {
        throw unavailable("A sealed value does not open: it was changed, or the secret of this version was.", cause);
      }
    },
    mac: (purpose, text) => macOf(newest, purpose)(text).toString("base64url"),
    macs: (purpose, text) => list.map((secret) => macOf(secret, purpose)(text).toString("base64url")),
    matches(purpose, text, mac) {
      const given = Buffer.from(mac, "base64url");
      let isMatch = false;
      for (const secret of list) {
        const expected = macOf(secret, purpose)(text);
        if (given.length === expected.length && timingSafeEqual(given, expected)) isMatch = true;
      }
      return isMatch;
    },
  };
}

type Mac = (text: string) => Buffer;
const blockBytes = 64;

/**
 * HMAC-SHA-256 (RFC 2104) out of two one-shot hashes: the streaming object of node:crypto costs many times the hash.
 * Held against node:crypto's by a test.
 * @param key 32 bytes
 */
function createMac(key: Uint8Array): Mac {
  const pad = (byte: number, room: number): Buffer => {
    const block = Buffer.alloc(blockBytes + room);
    for (let index = 0; index < blockBytes; index += 1) block[index] = (key[index] ?? 0) ^ byte;
    return block;
  };
  const inner = pad(0x36, 0);
  const outer = pad(0x5c, 32);
  return (text) => {
    outer.set(hash("sha256", Buffer.concat([inner, Buffer.from(text)]), "buffer"), blockBytes);
    return hash("sha256", outer, "buffer");
  };
}

/** HKDF-SHA-256 (RFC 5869): one key for each secret, use and purpose. */
function derive(secret: VersionedSecret, use: "seal" | "mac", purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret.value, "segno/1", `${use}/${purpose}`, 32));
}

function remember<Value>(known: Map<string, Value>, id: string, make: () => Value): Value {
  let value = known.get(id);
  if (value === undefined) {
    value = make();
    known.set(id, value);
  }
  return value;
}

function openEnvelope(key: KeyObject, body: Uint8Array, context: string): Uint8Array {
  const end = body.length - tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(body.subarray(end));
  return Buffer.concat([decipher.update(body.subarray(nonceBytes, end)), decipher.final()]);
}

function unavailable(message: string, cause?: unknown): SegnoError {
  return new SegnoError("key_unavailable", message, cause === undefined ? {} : { cause });
}
