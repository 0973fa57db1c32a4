import { createCipheriv, createDecipheriv } from "node:crypto";
import { SegnoError } from "@segno/core";
import type { DataSealer, Db, RandomSource } from "../engine.js";
import { dataAlgorithm, type OpenedDataKey } from "./data-key.js";
import type { OpenedKey } from "./key-material.js";
import type { Keyring } from "./keyring.js";
import type { Keyrings } from "./keyrings.js";

const nonceBytes = 12;
const tagBytes = 16;
const form = /^([\w-]{43})\.([\w-]+)$/;

/**
 * Seals small secrets that lie in the database, above all the keys of single subjects: AES-256-GCM under a data key, which
 * the custody wraps. The custody is asked once an hour and key, however many subjects there are.
 */
export function createDataSealer(keyrings: Pick<Keyrings, "of">, random: RandomSource): DataSealer {
  async function seal(ring: Keyring, plain: Uint8Array, { context, trx }: Where): Promise<string> {
    const key = dataKey(await ring.use(trx));
    const nonce = random.bytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", key.secret, nonce, { authTagLength: tagBytes });
    cipher.setAAD(binding(key.kid, context));
    const body = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    ring.countUse(key.kid, dataAlgorithm);
    return `${key.kid}.${body.toString("base64url")}`;
  }

  async function open(ring: Keyring, sealed: string, { context, trx }: Where): Promise<Uint8Array> {
    const { kid, body } = parse(sealed);
    const key = dataKey(await ring.openByKid(kid, trx));
    ring.countUse(kid, dataAlgorithm);
    return opened(key, body, context);
  }

  return {
    ready: async () => void (await keyrings.of("data")),
    sealData: async (plain, context, trx) => await seal(await keyrings.of("data"), plain, { context, trx }),
    openData: async (sealed, context, trx) => await open(await keyrings.of("data"), sealed, { context, trx }),
    async resealData(sealed, context, trx) {
      const ring = await keyrings.of("data");
      const newest = await ring.use(trx);
      if (parse(sealed).kid === newest.kid) return undefined;
      const plain = await open(ring, sealed, { context, trx });
      try {
        return await seal(ring, plain, { context, trx });
      } finally {
        plain.fill(0);
      }
    },
  };
}

interface Where {
  readonly context: string;
  readonly trx: Db | undefined;
}

function parse(sealed: string): { readonly kid: string; readonly body: Buffer } {
  const [, kid, text] = form.exec(sealed) ?? [];
  if (kid === undefined || text === undefined) throw unavailable("This is not a sealed value.");
  const body = Buffer.from(text, "base64url");
  if (body.length < nonceBytes + tagBytes) throw unavailable("This is not a sealed value.");
  return { kid, body };
}

function opened(key: OpenedDataKey, body: Buffer, context: string): Uint8Array {
  const end = body.length - tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key.secret, body.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(binding(key.kid, context));
  decipher.setAuthTag(body.subarray(end));
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(body.subarray(nonceBytes, end)), decipher.final()]));
  } catch (cause) {
    throw unavailable("A sealed value does not open: it was changed, or belongs somewhere else.", cause);
  }
}

function binding(kid: string, context: string): Buffer {
  return Buffer.from(`segno/data/1\n${kid}\n${context}`);
}

function dataKey(key: OpenedKey): OpenedDataKey {
  if (key.mode !== "data") throw unavailable("A key made for another purpose was asked to seal.");
  return key;
}

function unavailable(message: string, cause?: unknown): SegnoError {
  return new SegnoError("key_unavailable", message, cause === undefined ? {} : { cause });
}
