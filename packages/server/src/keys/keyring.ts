import { AsyncLocalStorage } from "node:async_hooks";
import { createLocalKeySet, isSegnoError, type JwkSet, type KeySet, type PublicJwk, SegnoError } from "@segno/core";
import type { Db, TokenSigner } from "../engine.js";
import type { WrappingCustody } from "./custody.js";
import type { GuardedCustody } from "./guard-custody.js";
import { reasonOf } from "./guard-custody.js";
import { custodyId, type KeyRow, type OpenedKey, rewrapKey } from "./key-material.js";
import { type KeyringHealth, keyringHealth } from "./keyring-health.js";
import { createKeyUses } from "./key-uses.js";
import { createLatestExp } from "./latest-exp.js";
import { createOpenKeys } from "./open-keys.js";
import { OutsideFirst, type Prepared } from "./outside-first.js";
import { signsTokens } from "./purposes.js";
import { destroyEnded, retireExpired } from "./retire.js";
import { ensureKeys, type KeyParts, rotateWhenDue } from "./rotate.js";
import { createSignToken } from "./sign-token.js";
import { listLiveKeys, replaceSealed } from "./store.js";
import { sweepUses } from "./uses-store.js";
import type { Verifiers } from "./verifiers.js";

export type KeyringParts = Omit<KeyParts, "open" | "custody"> & {
  readonly guarded: GuardedCustody;
  readonly verifiers: Verifiers;
  /** What transactions that run again were prepared with. Needed for a custody outside this process only. */
  readonly prepared?: Prepared;
  /** The custody of this process, for what it sealed before another one was configured. */
  readonly local?: WrappingCustody;
};

/** The keys of one purpose and their life: published, signing, verify_only, retired (or compromised). */
export interface Keyring extends TokenSigner {
  /** What verbs that change keys need. */
  readonly parts: KeyParts;
  /** The key in use now, for work that is over at once. Counting it is the caller's. @throws SegnoError `key_unavailable` */
  use(trx?: Db): Promise<OpenedKey>;
  /** A key of this purpose that may still be needed, in use or not. @throws SegnoError `key_unavailable` */
  openByKid(kid: string, trx?: Db): Promise<OpenedKey>;
  countUse(kid: string, alg: string): void;
  /** Makes the first keys when there are none, and opens the signing key. Call before the first `sign`. */
  ready(): Promise<void>;
  /** Looks the keys up again, after they were changed here. */
  reload(): Promise<void>;
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
const unknownKidCooldownMs = 5_000;
/** A vault is asked for newer wrapping keys this often. The local custody each time: it costs nothing. */
const rewrapEveryMs = 3_600_000;
/** How long figures of use are kept. */
const keepUsesMs = 7 * 86_400_000;

interface Loaded {
  readonly signing: KeyRow | undefined;
  readonly rows: readonly KeyRow[];
  readonly jwks: JwkSet;
  readonly keys: KeySet;
  readonly atMs: number;
}

/** Makes the keyring of one purpose. Nothing touches the store before `ready` or the first use. */
export function createKeyring(given: KeyringParts): Keyring {
  const { clock, store, log, purpose, guarded } = given;
  const { custody } = guarded;
  const isInProcess = custody.name === "local";
  const ownId = custodyId(custody);
  const isOwn = (row: KeyRow): boolean => row.custody === ownId;
  const outside = AsyncLocalStorage.snapshot();
  const inBackground = new Map<string, Promise<void>>();
  const openKeys = createOpenKeys({ ...given, custody }, background);
  const parts: KeyParts = {
    ...given,
    custody,
    open: async (row) => openKeys.get(row) ?? (await openKeys.open(row)),
  };
  const latestExp = createLatestExp(store, background);
  const uses = createKeyUses({ ...given, custodyId: ownId, takeSignFigures: guarded.takeSignFigures });
  let loaded: Loaded | undefined;
  let rewrappedAtMs: number | undefined;
  let foreignKid: string | undefined;
  let lookingUp: Promise<Loaded> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function load(db: Db): Promise<Loaded> {
    const atMs = clock.nowMs();
    const rows = (await listLiveKeys(db, purpose)).filter(isWhole);
    const jwks: JwkSet = { keys: rows.map((row) => JSON.parse(row.public_jwk) as PublicJwk) };
    const isSame = loaded !== undefined && JSON.stringify(loaded.jwks) === JSON.stringify(jwks);
    const mine = rows.filter((row) => (row.state !== "verify_only" || purpose === "data") && isOwn(row));
    const signing = rows.find((row) => row.state === "signing");
    warnOfForeign(signing);
    openKeys.keepOnly(mine);
    // the spare too: when it is promoted elsewhere, it must be open here although the custody may not answer then
    const closed = mine.filter((row) => openKeys.get(row) === undefined);
    if (!isInProcess) for (const row of closed) background(`open ${row.kid}`, () => openKeys.open(row));
    loaded = {
      signing,
      rows,
      // the same object while nothing changed: verifiers drop what they remember when it does
      jwks: isSame && loaded !== undefined ? loaded.jwks : jwks,
      keys: isSame && loaded !== undefined ? loaded.keys : createLocalKeySet(jwks),
      atMs,
    };
    return loaded;
  }

  /** One row that was meddled with must not take the others with it. */
  function isWhole(row: KeyRow): boolean {
    const isFitting = (JSON.parse(row.public_jwk) as PublicJwk).kid === row.kid;
    if (!isFitting) log.error("A stored key names another public key than its own. It is left out.", { kid: row.kid });
    return isFitting;
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
      (error: unknown) => {
        inBackground.delete(name);
        log.warn("Work on the signing keys failed. It will be tried again.", { work: name, ...reasonOf(error) });
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

  /** The key where nothing has to be waited for: what nearly every token takes. */
  function keyAtHand(expMs: number): OpenedKey | undefined {
    const signing = loaded?.signing;
    if (loaded === undefined || signing === undefined || !isOwn(signing)) return undefined;
    const ageMs = clock.nowMs() - loaded.atMs;
    if (!(ageMs >= 0 && ageMs <= refreshAfterMs && latestExp.isAmple(signing.kid, expMs))) return undefined;
    return openKeys.get(signing);
  }

  async function usableKey(expMs: number, trx: Db | undefined): Promise<OpenedKey> {
    const db = trx ?? store.db;
    const first = (await current(db)).signing;
    if (first !== undefined && isOwn(first)) {
      const key = openKeys.get(first) ?? (await openedOrNone(first, trx));
      if (key !== undefined && (await latestExp.reserve(first.kid, expMs, trx))) return key;
    }
    // rotated by another node, or not loaded yet
    const second = (await load(db)).signing;
    // one that lies in another custody may open, for what it sealed before: it is not used for anything new
    if (second !== undefined && (isOwn(second) || purpose !== "data")) {
      const key = await opened(second, trx);
      if (await latestExp.reserve(second.kid, expMs, trx)) return key;
    }
    throw new SegnoError("key_unavailable", "No key can sign: see the keyring's health.");
  }

  async function openByKid(kid: string, trx?: Db): Promise<OpenedKey> {
    const db = trx ?? store.db;
    const find = ({ rows }: Loaded) => rows.find((row) => row.kid === kid);
    // made by another node since this one looked
    const row = find(await current(db)) ?? find(await load(db));
    if (row !== undefined) return await opened(row, trx);
    throw new SegnoError("key_unavailable", "The key is not kept any more.", { detail: { kid } });
  }

  async function refuseToken(): Promise<never> {
    throw new SegnoError("key_unavailable", "A key made for another purpose was asked to sign a token.");
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
      uses.report,
      given.verifiers.flush,
      rewrap,
      () => ensureKeys(parts),
      () => rotateWhenDue(parts),
      () => retireExpired(parts),
      () => destroyEnded(parts),
      () => sweepUses(store.db, clock.nowMs() - keepUsesMs),
      () => load(store.db),
    ];
    const faults: unknown[] = [];
    for (const duty of duties) await duty().catch((error: unknown) => faults.push(error));
    parts.events.nudge();
    if (faults.length > 0) throw faults[0];
  }

  const keySet: KeySet = {
    current: (query) => loaded?.keys.current(query),
    async resolve(query) {
      const known = await (await current(store.db)).keys.resolve(query);
      if (known !== undefined || Math.abs(clock.nowMs() - (loaded?.atMs ?? 0)) < unknownKidCooldownMs) return known;
      // however many ask at the same time
      lookingUp ??= load(store.db).finally(() => {
        lookingUp = undefined;
      });
      return await (await lookingUp).keys.resolve(query);
    },
  };

  return {
    parts,
    sign: signsTokens(purpose)
      ? createSignToken({ keyAtHand, usableKey, uses, prepared: given.prepared })
      : refuseToken,
    async use(trx) {
      const nowMs = clock.nowMs();
      return keyAtHand(nowMs) ?? (await usableKey(nowMs, trx));
    },
    openByKid,
    countUse: (kid, alg) => uses.count(kid, alg, clock.nowMs()),
    publicKeys: async () => (await current(store.db)).jwks,
    keySet,
    noteFetch: (sight) => given.verifiers.note(sight, loaded?.atMs ?? 0),
    async ready() {
      // a vault that is down must not keep a node from verifying; what needs it is tried again every minute
      for (const step of [() => ensureKeys(parts), rewrap]) {
        await step().catch((error: unknown) => {
          if (!isSegnoError(error, "key_unavailable")) throw error;
          const why = { custody: ownId, ...reasonOf(error) };
          log.error("Keys cannot be made now: the custody does not answer.", why);
        });
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
    reload: async () => void (await load(store.db)),
    tick,
    async health({ asksCustody = isInProcess } = {}) {
      const rows = await listLiveKeys(store.db, purpose);
      const isOpen = (row: KeyRow) => isOwn(row) && openKeys.get(row) !== undefined;
      const found = await keyringHealth({ custody, purpose }, rows, asksCustody ? undefined : isOpen);
      const isFailing = guarded.isFailing() || openKeys.isFailing();
      // where each signature is a call, an open key is worth nothing while calls fail
      const cannotSign = found.status === "failed" || (custody.mode === "remote" && guarded.isFailing());
      if (cannotSign) return { ...found, status: "failed", isOutage: uses.hasSigned() && isFailing && !isInProcess };
      return isFailing ? { ...found, status: "degraded" } : found;
    },
    start() {
      timer ??= setInterval(() => background("tick", tick), refreshAfterMs).unref();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await Promise.all(inBackground.values());
      await uses.report().catch(() => undefined);
    },
  };
}
