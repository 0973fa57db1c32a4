import { SegnoError } from "@segno/core";
import type { KeyPurpose } from "./custody.js";
import { canHold, cannotWrap } from "./key-material.js";
import { createKeyring, type Keyring, type KeyringParts } from "./keyring.js";
import { keyPurposes } from "./purposes.js";
import { findKeyRow, listPurposes } from "./store.js";

/** A keyring for each purpose that is used. They share a custody and nothing else. */
export interface Keyrings {
  /** The one that signs access tokens; there from the start. */
  readonly accessToken: Keyring;
  /**
   * The keyring of a purpose, made ready when it is first asked for.
   * @throws SegnoError `invalid_input` for an unknown purpose; `key_unavailable` for `data` where the custody cannot wrap
   */
  of(purpose: KeyPurpose): Promise<Keyring>;
  /** The keyring a key belongs to. @throws SegnoError `not_found` */
  holding(kid: string): Promise<Keyring>;
  ready(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

export function createKeyrings(parts: Omit<KeyringParts, "purpose">): Keyrings {
  const accessToken = createKeyring({ ...parts, purpose: "access_token" });
  const rings = new Map<KeyPurpose, Keyring>([["access_token", accessToken]]);
  const opening = new Map<KeyPurpose, Promise<Keyring>>();
  let isStarted = false;

  async function open(purpose: KeyPurpose): Promise<Keyring> {
    if (!keyPurposes.includes(purpose))
      throw new SegnoError("invalid_input", "There are no keys of this purpose.", { detail: { purpose } });
    const { custody } = parts.guarded;
    if (!canHold(custody, purpose)) throw cannotWrap(custody);
    const ring = createKeyring({ ...parts, purpose });
    await ring.ready();
    rings.set(purpose, ring);
    if (isStarted) ring.start();
    return ring;
  }

  async function of(purpose: KeyPurpose): Promise<Keyring> {
    const known = rings.get(purpose);
    if (known !== undefined) return known;
    let made = opening.get(purpose);
    if (made === undefined) {
      made = open(purpose).finally(() => opening.delete(purpose));
      opening.set(purpose, made);
    }
    return await made;
  }

  return {
    accessToken,
    of,
    async holding(kid) {
      const row = await findKeyRow(parts.store.db, kid);
      if (row === undefined) throw new SegnoError("not_found", "There is no such key.", { detail: { kid } });
      return await of(row.purpose as KeyPurpose);
    },
    async ready() {
      await accessToken.ready();
      // so that keys rotate although nobody has asked for one since the start
      for (const purpose of await listPurposes(parts.store.db)) {
        if (canHold(parts.guarded.custody, purpose as KeyPurpose)) await of(purpose as KeyPurpose);
        else parts.log.error("The configured custody cannot open keys of this purpose.", { purpose });
      }
    },
    start() {
      isStarted = true;
      for (const ring of rings.values()) ring.start();
    },
    async stop() {
      await Promise.all([...rings.values()].map((ring) => ring.stop()));
      await parts.guarded.stop().catch(() => undefined);
    },
  };
}
