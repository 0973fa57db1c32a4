import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { PersonalFields } from "../../engine.js";

/** Personal data as a leaf holds it: whoever lacks the subject's key reads nothing, and cannot test a guess either. */
export interface SealedPersonal {
  /** Which data key: the id that `subject.erased` names. */
  readonly keyId: string;
  /** AES-256-GCM of the fields as JSON, the event's id authenticated with it: nonce, ciphertext, tag. base64url. */
  readonly sealed: string;
  /** HMAC-SHA-256 by field, base64url: equal values of one subject have equal commitments. */
  readonly commitments: Readonly<Record<string, string>>;
}

/** The data key of one subject, unwrapped. */
export interface DataKey {
  readonly id: string;
  seal(eventId: string, fields: PersonalFields): SealedPersonal;
  /** Undefined when it was changed, or sealed under another key or for another event. */
  open(eventId: string, sealed: string): PersonalFields | undefined;
  /** What a leaf says where this field has this value. */
  commit(field: string, value: string): string;
}

export const dataKeyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** One use each (HKDF-SHA-256, RFC 5869). */
const derive = (key: Uint8Array, use: string) => Buffer.from(hkdfSync("sha256", key, "segno/audit/1", use, 32));

/** @param key 32 random bytes */
export function openDataKey(id: string, key: Uint8Array): DataKey {
  const sealing = derive(key, "seal");
  const committing = derive(key, "commit");
  // made of the event's id and not at random, so that an event has one leaf however often it is made
  const nonceOf = (eventId: string) =>
    createHmac("sha256", derive(key, "nonce")).update(eventId).digest().subarray(0, nonceBytes);
  const commit = (field: string, value: string) =>
    createHmac("sha256", committing).update(`${field}\0${value}`).digest("base64url");
  return {
    id,
    commit,
    seal(eventId, fields) {
      const nonce = nonceOf(eventId);
      const cipher = createCipheriv("aes-256-gcm", sealing, nonce).setAAD(Buffer.from(eventId));
      const body = Buffer.concat([nonce, cipher.update(JSON.stringify(fields)), cipher.final(), cipher.getAuthTag()]);
      const commitments = Object.entries(fields).map(
        ([field, value]) => [field, commit(field, String(value))] as const,
      );
      return { keyId: id, sealed: body.toString("base64url"), commitments: Object.fromEntries(commitments) };
    },
    open(eventId, sealed) {
      const body = Buffer.from(sealed, "base64url");
      if (body.length < nonceBytes + tagBytes) return undefined;
      try {
        const decipher = createDecipheriv("aes-256-gcm", sealing, body.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        }).setAAD(Buffer.from(eventId));
        decipher.setAuthTag(body.subarray(-tagBytes));
        const plain = Buffer.concat([decipher.update(body.subarray(nonceBytes, -tagBytes)), decipher.final()]);
        return JSON.parse(plain.toString()) as PersonalFields;
      } catch {
        return undefined;
      }
    },
  };
}
