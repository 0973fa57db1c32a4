import { AsyncLocalStorage } from "node:async_hooks";
import { createLocalKeySet, type JwkSet, type KeySet, type PublicJwk, SegnoError } from "@segno/core";
import type { Db, SignedToken, TokenSigner } from "../engine.js";
import { custodyId, type KeyRow, type OpenedKey, openKey, rewrapKey } from "./key-material.js";
import { createOpenKeys } from "./open-keys.js";
import { OutsideFirst, type Prepared } from "./outside-first.js";
import {
  announce,
  ensureKeys,
  facts,
  type KeyParts,
  type RotateOptions,
  retireExpired,
  rotateAtOnce,
  rotateWhenDue,
  withdrawCompromised,
} from "./rotate.js";
import { listLiveKeys, recordLatestExp, replaceSealed } from "./store.js";

export type KeyringParts = Omit<KeyParts, "open"> & {
  /** What transactions that run again were prepared with. Needed for a custody outside this process only. */
  readonly prepared?: Prepared;
};

export interface KeyHealth {
  readonly kid: string;
  readonly state: KeyRow["state"];
  readonly custody: string;
  /** Whether the private half opens and fits. A key that only verifies needs none. */
  readonly opens: boolean;
}

export interface KeyringHealth {
  /** `failed`: nothing can be signed. `degraded`: the spare does not open or is missing, or the custody does not answer. */
  readonly status: "ok" | "degraded" | "failed";
  readonly keys: readonly KeyHealth[];
}

/** The keys of one purpose and their life: published, signing, verify_only, retired (or compromised). */
export interface Keyring extends TokenSigner {
  /** Makes the first keys when there are none, and opens the signing key. Call before the first `sign`. */
  ready(): Promise<void>;
  /** The spare signs now, and a new spare is published. @returns whether this node did it */
  rotateNow(options?: RotateOptions): Promise<boolean>;
  /** Takes a key out of the key set at once: tokens it signed are refused here at once, elsewhere with the next fetch. */
  compromise(kid: string): Promise<boolean>;
  /** Rotates and retires what is due, wraps keys again under the newest wrapping key. Runs every minute once started. */
  tick(): Promise<void>;
  /** Whether keys can sign. Opens every live key where the custody is in this process, or where it is to be asked. */
  health(options?: { readonly asksCustody?: boolean }): Promise<KeyringHealth>;
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
/** A vault is asked for newer wrapping keys this often. The local custody each time: it costs nothing. */
const rewrapEveryMs = 3_600_000;

interface Loaded {
  readonly signing: KeyRow | undefined;
  readonly jwks: JwkSet;
  readonly keys: KeySet;
  readonly atMs: number;
}

/** Makes the keyring of one purpose. Nothing touches the store before `ready` or the first use. */
export function createKeyring(given: KeyringParts): Keyring {
  const { clock, store, log, custody, purpose } = given;
  const isInProcess = custody.name === "local";
  const ownId = custodyId(custody);
  const isOwn = (row: KeyRow): boolean => row.custody === ownId;
  const outside = AsyncLocalStorage.snapshot();
  const headers = new Map<string, string>();
  const onRecord = new Map<string, number>();
  const uses = new Map<string, { alg: string; count: number }>();
  const inBackground = new Map<string, Promise<void>>();
  const openKeys = createOpenKeys(given, background);
  const parts: KeyParts = { ...given, open: async (row) => openKeys.get(row) ?? (await openKeys.open(row)) };
  let loaded: Loaded | undefined;
  let rewrappedAtMs: number | undefined;
  let foreignKid: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function load(db: Db): Promise<Loaded> {
    const atMs = clock.nowMs();
    const rows = await listLiveKeys(db, purpose);
    const jwks: JwkSet = { keys: rows.map((row) => JSON.parse(row.public_jwk) as PublicJwk) };
    const isSame = loaded !== undefined && JSON.stringify(loaded.jwks) === JSON.stringify(jwks);
    const mine = rows.filter((row) => row.state !== "verify_only" && isOwn(row));
    const signing = rows.find((row) => row.state === "signing");
    warnOfForeign(signing);
    openKeys.keepOnly(mine);
    // the spare too: when it is promoted elsewhere, it must be open here although the custody may not answer then
    const closed = mine.filter((row) => row.state === "published" && openKeys.get(row) === undefined);
    if (!isInProcess) for (const row of closed) background(`open ${row.kid}`, () => openKeys.open(row));
    loaded = {
      signing,
      // the same object while nothing changed: verifiers drop what they remember when it does
      jwks: isSame && loaded !== undefined ? loaded.jwks : jwks,
      keys: isSame && loaded !== undefined ? loaded.keys : createLocalKeySet(jwks),
      atMs,
    };
    return loaded;
  }

  function warnOfForeign(signing: KeyRow | undefined): void {
    const isForeign = signing !== undefined && !isOwn(signing);
    if (isForeign && foreignKid !== signing.kid) {
      log.error(
        "The signing key lies in another custody than the configured one, so nothing is signed. Configure that custody, or rotate with changeCustody.",
        { kid: signing.kid, custody: signing.custody, configured: ownId },
      );
    }
    foreignKid = isForeign ? signing.kid : undefined;
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
  async function reserve(kid: string, expMs: number, trx: Db | undefined): Promise<boolean> {
    const aheadMs = expMs + recordAheadMs;
    const extend = async () => {
      if (await recordLatestExp(store.db, kid, aheadMs)) onRecord.set(kid, aheadMs);
    };
    const recordedMs = onRecord.get(kid) ?? 0;
    if (expMs <= recordedMs) {
      if (recordedMs - expMs < recordAheadMs / 2) background("latest_exp", extend);
      return true;
    }
    if (!(await recordLatestExp(trx ?? store.db, kid, aheadMs))) return false;
    // inside a transaction the record lives and dies with the token, so memory learns of it from a write of its own
    if (trx === undefined) onRecord.set(kid, aheadMs);
    else background("latest_exp", extend);
    return true;
  }

  /** Waits for no custody while the caller's transaction holds the store. */
  async function opened(row: KeyRow, trx: Db | undefined): Promise<OpenedKey> {
    const open = openKeys.get(row);
    if (open !== undefined) return open;
    if (trx === undefined || isInProcess) return await openKeys.open(row);
    throw new OutsideFirst(() => openKeys.open(row));
  }

  /** Undefined when it does not open: another node may have rotated to one that does. */
  async function openedOrNone(row: KeyRow, trx: Db | undefined): Promise<OpenedKey | undefined> {
    try {
      return await opened(row, trx);
    } catch (error) {
      if (error instanceof OutsideFirst) throw error;
      return undefined;
    }
  }

  async function usableKey(expMs: number, trx: Db | undefined): Promise<OpenedKey> {
    const db = trx ?? store.db;
    const first = (await current(db)).signing;
    if (first !== undefined && isOwn(first)) {
      const key = openKeys.get(first) ?? (await openedOrNone(first, trx));
      if (key !== undefined && (await reserve(first.kid, expMs, trx))) return key;
    }
    // rotated by another node, or not loaded yet
    const second = (await load(db)).signing;
    if (second !== undefined) {
      const key = await opened(second, trx);
      if (await reserve(second.kid, expMs, trx)) return key;
    }
    throw new SegnoError("key_unavailable", "No key can sign: see the keyring's health.");
  }

  function signingInput(header: Readonly<Record<string, string>>, payload: object, key: OpenedKey): string {
    const name = `${key.kid} ${header["typ"] ?? ""}`;
    let head = headers.get(name);
    if (head === undefined) {
      head = Buffer.from(JSON.stringify({ ...header, alg: key.algorithm.alg, kid: key.kid })).toString("base64url");
      if (headers.size >= 100) headers.clear();
      if (Object.keys(header).every((member) => member === "typ")) headers.set(name, head);
    }
    return `${head}.${Buffer.from(JSON.stringify(payload)).toString("base64url")}`;
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
        const used = facts({ kid, algorithm: use.alg, state: "signing", custody: ownId });
        await announce(parts, trx, "key.used", { ...used, purpose, count: use.count });
      }
    });
    parts.events.nudge();
  }

  async function rewrap(): Promise<void> {
    const sinceMs = clock.nowMs() - (rewrappedAtMs ?? Number.NEGATIVE_INFINITY);
    if (!isInProcess && sinceMs >= 0 && sinceMs < rewrapEveryMs) return;
    rewrappedAtMs = clock.nowMs();
    for (const row of await listLiveKeys(store.db, purpose)) {
      try {
        const sealed = await rewrapKey(parts, row);
        if (sealed !== undefined) await replaceSealed(store.db, { kid: row.kid, old: row.private_sealed, sealed });
      } catch {
        log.error("A live key does not open, so it was not wrapped again.", { kid: row.kid, custody: row.custody });
      }
    }
  }

  /** Each duty by itself: a vault that does not answer holds up nothing that does not need it. */
  async function tick(): Promise<void> {
    const duties = [
      reportUses,
      rewrap,
      () => ensureKeys(parts),
      () => rotateWhenDue(parts),
      () => retireExpired(parts),
      () => load(store.db),
    ];
    const faults: unknown[] = [];
    for (const duty of duties) {
      try {
        await duty();
      } catch (error) {
        faults.push(error);
      }
    }
    parts.events.nudge();
    if (faults.length > 0) throw faults[0];
  }

  const keySet: KeySet = {
    current: (query) => loaded?.keys.current(query),
    async resolve(query) {
      const known = await (await current(store.db)).keys.resolve(query);
      if (known !== undefined || clock.nowMs() - (loaded?.atMs ?? 0) < unknownKidCooldownMs) return known;
      return await (await load(store.db)).keys.resolve(query);
    },
  };

  type Payload = Readonly<Record<string, unknown>>;

  async function sign(header: Readonly<Record<string, string>>, payload: Payload, trx?: Db): Promise<SignedToken> {
    const exp = payload["exp"];
    if (typeof exp !== "number") throw new TypeError("A signed token needs exp.");
    const key = await usableKey(exp * 1000, trx);
    const ready = trx === undefined || key.mode === "wrapped" ? undefined : take(trx, key.kid, payload);
    if (ready !== undefined) return ready;
    const input = signingInput(header, payload, key);
    if (key.mode === "wrapped") {
      const token = `${input}.${key.algorithm.sign(input, key.privateKey)}`;
      count(key);
      return { token, kid: key.kid, payload };
    }
    const ask = async (): Promise<SignedToken> => {
      const token = `${input}.${await key.sign(input)}`;
      count(key);
      return { token, kid: key.kid, payload };
    };
    if (trx === undefined) return await ask();
    throw new OutsideFirst(ask);
  }

  /** The token that was signed for this transaction before it ran again: the same claims, apart from id and times. */
  function take(trx: Db, kid: string, payload: Payload): SignedToken | undefined {
    const list = given.prepared?.get(trx);
    const at = list?.findIndex((item) => isSigned(item) && item.kid === kid && fits(item.payload, payload)) ?? -1;
    const [found] = at < 0 ? [] : (list?.splice(at, 1) ?? []);
    return isSigned(found) ? found : undefined;
  }

  return {
    sign,
    publicKeys: async () => (await current(store.db)).jwks,
    keySet,
    async ready() {
      // a vault that is down must not keep a node from verifying; what needs it is tried again every minute
      for (const step of [() => ensureKeys(parts), rewrap]) {
        try {
          await step();
        } catch (error) {
          if (!(error instanceof SegnoError && error.code === "key_unavailable")) throw error;
          log.error("Keys cannot be made or opened now: the custody does not answer.", { custody: ownId });
        }
      }
      const { signing } = await load(store.db);
      if (signing === undefined || !isOwn(signing)) return;
      await openKeys.open(signing).catch(() => {
        log.error(
          isInProcess
            ? "The signing key does not open. Put the secret it was sealed with back into the list, or rotate."
            : "The signing key does not open: the custody does not answer, or not for this key.",
          { kid: signing.kid, custody: signing.custody },
        );
      });
    },
    async rotateNow(options = {}) {
      const isDone = await rotateAtOnce(parts, options);
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
    async health({ asksCustody = isInProcess } = {}) {
      const rows = await listLiveKeys(store.db, purpose);
      const keys = await Promise.all(rows.map((row) => healthOf(row, asksCustody)));
      const opens = (state: KeyRow["state"]): boolean => keys.some((key) => key.state === state && key.opens);
      if (!opens("signing")) return { status: "failed", keys };
      return { status: opens("published") && !openKeys.isOverdue() ? "ok" : "degraded", keys };
    },
    start() {
      timer ??= setInterval(() => background("tick", tick), refreshAfterMs).unref();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await Promise.all(inBackground.values());
      await reportUses().catch(() => undefined);
      await custody.close?.().catch(() => undefined);
    },
  };

  /** A vault is not asked for each look at our health: what it opened last is what counts. */
  async function healthOf(row: KeyRow, asksCustody: boolean): Promise<KeyHealth> {
    const { kid, state } = row;
    const isOpen = isOwn(row) && (asksCustody ? await opensNow(row) : openKeys.get(row) !== undefined);
    return { kid, state, custody: row.custody, opens: isOpen };
  }

  function opensNow(row: KeyRow): Promise<boolean> {
    return openKey(parts, row).then(
      () => true,
      () => false,
    );
  }
}

function isSigned(item: unknown): item is SignedToken {
  return typeof item === "object" && item !== null && "token" in item && "payload" in item;
}

const volatile = new Set(["jti", "iat", "exp"]);

/** Whether a token signed a moment ago says what would be said now. It may end sooner, never later. */
function fits(before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): boolean {
  const plain = (payload: object) => JSON.stringify(Object.entries(payload).filter(([name]) => !volatile.has(name)));
  return Number(before["exp"]) <= Number(now["exp"]) && plain(before) === plain(now);
}
