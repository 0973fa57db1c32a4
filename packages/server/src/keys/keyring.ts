import { AsyncLocalStorage } from "node:async_hooks";
import { createLocalKeySet, type JwkSet, type KeySet, type PublicJwk, SegnoError } from "@segno/core";
import type { Db, TokenSigner } from "../engine.js";
import { type KeyRow, type OpenedKey, openKey, rewrapKey } from "./key-material.js";
import {
  announce,
  ensureKeys,
  facts,
  type KeyParts,
  retireExpired,
  rotateAtOnce,
  rotateWhenDue,
  withdrawCompromised,
} from "./rotate.js";
import { listLiveKeys, recordLatestExp, replaceSealed } from "./store.js";

export type KeyringParts = KeyParts;

export interface KeyHealth {
  readonly kid: string;
  readonly state: KeyRow["state"];
  /** Whether the private half opens and fits. A key that only verifies needs none. */
  readonly opens: boolean;
}

export interface KeyringHealth {
  /** `failed`: nothing can be signed. `degraded`: the spare does not open or is missing. */
  readonly status: "ok" | "degraded" | "failed";
  readonly keys: readonly KeyHealth[];
}

/** The keys that sign access tokens, and their life: published, signing, verify_only, retired (or compromised). */
export interface Keyring extends TokenSigner {
  /** Makes the first keys when there are none, and opens the signing key. Call before the first `sign`. */
  ready(): Promise<void>;
  /** The spare signs now, and a new spare is published. @returns whether this node did it */
  rotateNow(): Promise<boolean>;
  /** Takes a key out of the key set at once: tokens it signed are refused here at once, elsewhere with the next fetch. */
  compromise(kid: string): Promise<boolean>;
  /** Rotates and retires what is due, seals keys again under the newest secret. Runs every minute once started. */
  tick(): Promise<void>;
  /** Opens every live key. */
  health(): Promise<KeyringHealth>;
  start(): void;
  stop(): Promise<void>;
}

/** The keys in memory are looked up again after this long, in the background. */
const refreshAfterMs = 60_000;
/** And never used when older than this: a process that slept asks first. */
const staleAfterMs = 300_000;
/** How far ahead the latest `exp` is put on record: one write in ten minutes instead of one a token. */
const recordAheadMs = 600_000;
const unknownKidCooldownMs = 5_000;

interface Loaded {
  readonly signing: OpenedKey | undefined;
  readonly jwks: JwkSet;
  readonly keys: KeySet;
  readonly atMs: number;
}

/** Makes the keyring. Nothing touches the store before `ready` or the first use. */
export function createKeyring(parts: KeyringParts): Keyring {
  const { clock, store, log } = parts;
  const outside = AsyncLocalStorage.snapshot();
  const headers = new Map<string, string>();
  const onRecord = new Map<string, number>();
  const uses = new Map<string, { alg: string; count: number }>();
  const inBackground = new Map<string, Promise<void>>();
  let loaded: Loaded | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function load(db: Db): Promise<Loaded> {
    const atMs = clock.nowMs();
    const rows = await listLiveKeys(db);
    const jwks: JwkSet = { keys: rows.map((row) => JSON.parse(row.public_jwk) as PublicJwk) };
    const row = rows.find((candidate) => candidate.state === "signing");
    const isSame = loaded !== undefined && JSON.stringify(loaded.jwks) === JSON.stringify(jwks);
    loaded = {
      // an open key is kept: each opening would make a new object
      signing: row === undefined ? undefined : row.kid === loaded?.signing?.kid ? loaded.signing : tryOpen(row),
      // the same object while nothing changed: verifiers drop what they remember when it does
      jwks: isSame && loaded !== undefined ? loaded.jwks : jwks,
      keys: isSame && loaded !== undefined ? loaded.keys : createLocalKeySet(jwks),
      atMs,
    };
    return loaded;
  }

  function tryOpen(row: KeyRow): OpenedKey | undefined {
    try {
      return openKey(parts, row);
    } catch {
      log.error("The signing key does not open. Put the secret it was sealed with back into the list, or rotate.", {
        kid: row.kid,
      });
      return undefined;
    }
  }

  /** Never inside the caller's transaction, one at a time per name. */
  function background(name: string, work: () => Promise<unknown>): void {
    if (inBackground.has(name)) return;
    // not by a timer: under load the event loop may not come round for a while, and until then every token asks again
    const done = outside(() => Promise.resolve().then(work)).then(
      () => void inBackground.delete(name),
      () => {
        inBackground.delete(name);
        log.warn("Work on the signing keys failed. It will be tried again.", { work: name });
      },
    );
    inBackground.set(name, done);
  }

  async function current(db: Db): Promise<Loaded> {
    const age = loaded === undefined ? Number.POSITIVE_INFINITY : Math.abs(clock.nowMs() - loaded.atMs);
    if (loaded === undefined || age > staleAfterMs) return await load(db);
    if (age > refreshAfterMs) background("tick", tick);
    return loaded;
  }

  /** Sees to it that the store knows of a token living until `expMs` before that token exists. */
  async function reserve(key: OpenedKey, expMs: number, trx: Db | undefined): Promise<boolean> {
    const aheadMs = expMs + recordAheadMs;
    const extend = async () => {
      if (await recordLatestExp(store.db, key.kid, aheadMs)) onRecord.set(key.kid, aheadMs);
    };
    const recordedMs = onRecord.get(key.kid) ?? 0;
    if (expMs <= recordedMs) {
      if (recordedMs - expMs < recordAheadMs / 2) background("latest_exp", extend);
      return true;
    }
    if (!(await recordLatestExp(trx ?? store.db, key.kid, aheadMs))) return false;
    // inside a transaction the record lives and dies with the token, so memory learns of it from a write of its own
    if (trx === undefined) onRecord.set(key.kid, aheadMs);
    else background("latest_exp", extend);
    return true;
  }

  async function usableKey(expMs: number, trx: Db | undefined): Promise<OpenedKey> {
    const db = trx ?? store.db;
    const first = (await current(db)).signing;
    if (first !== undefined && (await reserve(first, expMs, trx))) return first;
    // rotated by another node, or not loaded yet
    const second = (await load(db)).signing;
    if (second !== undefined && (await reserve(second, expMs, trx))) return second;
    throw new SegnoError("key_unavailable", "No key can sign: see the keyring's health.");
  }

  function encode(header: Readonly<Record<string, string>>, payload: object, key: OpenedKey): string {
    const name = `${key.kid} ${header["typ"] ?? ""}`;
    let head = headers.get(name);
    if (head === undefined) {
      head = Buffer.from(JSON.stringify({ ...header, alg: key.algorithm.alg, kid: key.kid })).toString("base64url");
      if (headers.size >= 100) headers.clear();
      if (Object.keys(header).every((member) => member === "typ")) headers.set(name, head);
    }
    const input = `${head}.${Buffer.from(JSON.stringify(payload)).toString("base64url")}`;
    return `${input}.${key.algorithm.sign(input, key.privateKey)}`;
  }

  function count(key: OpenedKey): void {
    const use = uses.get(key.kid);
    if (use === undefined) uses.set(key.kid, { alg: key.algorithm.alg, count: 1 });
    else use.count += 1;
  }

  async function reportUses(): Promise<void> {
    const report = [...uses];
    if (report.length === 0) return;
    uses.clear();
    await store.transaction(async (trx) => {
      for (const [kid, use] of report) {
        const used = facts({ kid, algorithm: use.alg, state: "signing" });
        await announce(parts, trx, "key.used", { ...used, purpose: "access_token", count: use.count });
      }
    });
    parts.events.nudge();
  }

  async function rewrap(): Promise<void> {
    for (const row of await listLiveKeys(store.db)) {
      try {
        const sealed = rewrapKey(parts, row);
        if (sealed !== undefined) await replaceSealed(store.db, { kid: row.kid, old: row.private_sealed, sealed });
      } catch {
        log.error("A live key does not open under any listed secret.", { kid: row.kid });
      }
    }
  }

  async function tick(): Promise<void> {
    await reportUses();
    await rewrap();
    await ensureKeys(parts);
    await rotateWhenDue(parts);
    await retireExpired(parts);
    await load(store.db);
    parts.events.nudge();
  }

  const keySet: KeySet = {
    current: (query) => loaded?.keys.current(query),
    async resolve(query) {
      const known = await (await current(store.db)).keys.resolve(query);
      if (known !== undefined || clock.nowMs() - (loaded?.atMs ?? 0) < unknownKidCooldownMs) return known;
      return await (await load(store.db)).keys.resolve(query);
    },
  };

  return {
    async sign(header, payload, trx) {
      const exp = payload["exp"];
      if (typeof exp !== "number") throw new TypeError("A signed token needs exp.");
      const key = await usableKey(exp * 1000, trx);
      const token = encode(header, payload, key);
      count(key);
      return { token, kid: key.kid };
    },
    publicKeys: async () => (await current(store.db)).jwks,
    keySet,
    async ready() {
      await ensureKeys(parts);
      await rewrap();
      await load(store.db);
    },
    async rotateNow() {
      const isDone = await rotateAtOnce(parts);
      await load(store.db);
      parts.events.nudge();
      return isDone;
    },
    async compromise(kid) {
      const isDone = await withdrawCompromised(parts, kid);
      await load(store.db);
      parts.events.nudge();
      return isDone;
    },
    tick,
    health: async () => healthOf(parts, await listLiveKeys(store.db)),
    start() {
      timer ??= setInterval(() => background("tick", tick), refreshAfterMs).unref();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await Promise.all(inBackground.values());
      await reportUses().catch(() => undefined);
    },
  };
}

function healthOf(parts: KeyringParts, rows: readonly KeyRow[]): KeyringHealth {
  const keys = rows.map((row): KeyHealth => {
    try {
      openKey(parts, row);
      return { kid: row.kid, state: row.state, opens: true };
    } catch {
      return { kid: row.kid, state: row.state, opens: false };
    }
  });
  const opens = (state: KeyRow["state"]): boolean => keys.some((key) => key.state === state && key.opens);
  if (!opens("signing")) return { status: "failed", keys };
  return { status: opens("published") ? "ok" : "degraded", keys };
}
