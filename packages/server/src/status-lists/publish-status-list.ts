import { hash } from "node:crypto";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import { statusListBase } from "./status-claim.js";
import { isStatusIndexReached, readRevokedStatuses, readWithdrawnKids } from "./store.js";
import { statusListSize } from "./take-status-index.js";

/** A signed list, ready to send. */
export interface PublishedStatusList {
  /** Compact JWS of type `statuslist+jwt`. */
  readonly token: string;
  readonly etag: string;
}

/** How old what this node knows of revocations may be when it answers. */
const checkEveryMs = 1_000;
/** A commit may become visible later than its own time says, and nodes' clocks differ: that much is read again. */
const overlapMs = 30_000;
/** Everything is read again now and then, for the node whose clock is further off than that. */
const readAllEveryMs = 300_000;
/** No access token lives longer than an hour: ten minutes more, and a revoked place means nothing any more. */
const keepMs = 4_200_000;
/** A list is signed again this often although nothing changed. Nodes do it at the same moments. */
const signEveryMs = 60_000;
const lifeMs = 300_000;
/** What verifiers that read it are told of how long to keep a copy. */
const ttlSeconds = 3;
/** The largest number a list can have: what `takeStatusIndex` can reach. */
const maxLists = 1_024;

/** For so long a list that is not there is not looked for again. */
const missingForMs = 100;

const deflated = promisify(deflate);

interface List {
  readonly bits: Uint8Array;
  /** Raised with every bit that changes. */
  version: number;
  published:
    | (PublishedStatusList & { readonly version: number; readonly term: number; readonly expiresAtMs: number })
    | undefined;
  signing: Promise<void> | undefined;
}

interface Publisher {
  /** Revoked places by when they were. */
  readonly revokedAt: Map<number, number>;
  readonly lists: Map<number, List>;
  /** Keys that were taken back: each list tells of them. */
  withdrawnKids: readonly string[];
  /** Lists that were asked for before they began. */
  readonly missingAt: Map<number, number>;
  checkedAtMs: number;
  readAllAtMs: number;
  checking: Promise<void> | undefined;
}

const publishers = new WeakMap<object, Publisher>();

function publisherOf(engine: Engine): Publisher {
  let publisher = publishers.get(engine.signer);
  if (publisher === undefined) {
    const never = Number.NEGATIVE_INFINITY;
    publisher = {
      revokedAt: new Map(),
      lists: new Map(),
      withdrawnKids: [],
      missingAt: new Map(),
      checkedAtMs: never,
      readAllAtMs: never,
      checking: undefined,
    };
    publishers.set(engine.signer, publisher);
  }
  return publisher;
}

/**
 * One status list as it stands, at most a second old: the list is compressed and signed when a place of it changed, and
 * once a minute. However many ask, the store is asked once a second at most, and for the changes alone.
 * While nothing can be signed, the last copy is good as long as it is true and has a minute to live.
 * @returns undefined when there is no list of that number
 * @throws SegnoError `store_unavailable`, `key_unavailable`
 */
export async function publishStatusList(engine: Engine, number: number): Promise<PublishedStatusList | undefined> {
  const publisher = publisherOf(engine);
  if (!publisher.lists.has(number) && !(await exists(engine, publisher, number))) return undefined;
  await check(engine, publisher);
  const list = listOf(publisher, number);
  for (let tries = 0; tries < 3; tries += 1) {
    const { published, version } = list;
    if (published?.version === version && published.term === termOf(publisher)) return published;
    list.signing ??= sign(engine, publisher, { list, number }).finally(() => {
      list.signing = undefined;
    });
    try {
      // a copy that was begun before the last change is not good enough for whoever has seen that change: go round again
      await list.signing;
    } catch (error) {
      if (published?.version === list.version && published.expiresAtMs > engine.clock.nowMs() + signEveryMs)
        return published;
      throw error;
    }
  }
  if (list.published === undefined) throw new SegnoError("key_unavailable", "No status list could be signed.");
  return list.published;
}

async function exists(engine: Engine, { missingAt }: Publisher, number: number): Promise<boolean> {
  if (number >= maxLists) return false;
  const nowMs = engine.clock.nowMs();
  const sinceMs = nowMs - (missingAt.get(number) ?? Number.NEGATIVE_INFINITY);
  if (sinceMs >= 0 && sinceMs < missingForMs) return false;
  if (number === 0 || (await isStatusIndexReached(engine.store.db, number * statusListSize))) return true;
  missingAt.set(number, nowMs);
  return false;
}

/** Brings what this node knows up to date, unless that was done within the last second. */
async function check(engine: Engine, publisher: Publisher): Promise<void> {
  const age = engine.clock.nowMs() - publisher.checkedAtMs;
  if (age >= 0 && age < checkEveryMs) return;
  publisher.checking ??= readChanges(engine, publisher).finally(() => {
    publisher.checking = undefined;
  });
  await publisher.checking;
}

async function readChanges(engine: Engine, publisher: Publisher): Promise<void> {
  const nowMs = engine.clock.nowMs();
  const sinceAllMs = nowMs - publisher.readAllAtMs;
  const isAll = !(sinceAllMs >= 0 && sinceAllMs < readAllEveryMs);
  const sinceMs = isAll ? nowMs - keepMs : publisher.checkedAtMs - overlapMs;
  for (const { status_index, revoked_at } of await readRevokedStatuses(engine.store.db, sinceMs)) {
    if (publisher.revokedAt.has(status_index)) continue;
    publisher.revokedAt.set(status_index, revoked_at);
    mark(publisher, status_index, true);
  }
  const withdrawn = await readWithdrawnKids(engine.store.db, nowMs - keepMs);
  if (withdrawn.join() !== publisher.withdrawnKids.join()) {
    publisher.withdrawnKids = withdrawn;
    for (const list of publisher.lists.values()) list.version += 1;
    // a key that nobody has makes the keyring look at the store now: it must not sign with the one taken back
    if (withdrawn.length > 0) await engine.signer.keySet.resolve({ kid: "none", alg: engine.config.keys.algorithm });
  }
  if (isAll) {
    publisher.readAllAtMs = nowMs;
    for (const [index, atMs] of publisher.revokedAt) {
      if (atMs > nowMs - keepMs) continue;
      publisher.revokedAt.delete(index);
      mark(publisher, index, false);
    }
  }
  publisher.checkedAtMs = nowMs;
}

/** Sets or clears one place: bits are counted from the lowest of each byte (section 4.1). */
function mark(publisher: Publisher, index: number, isRevoked: boolean): void {
  const list = publisher.lists.get(Math.floor(index / statusListSize));
  if (list === undefined) return;
  const place = index % statusListSize;
  const bit = 1 << (place & 7);
  const byte = list.bits[place >> 3] ?? 0;
  list.bits[place >> 3] = isRevoked ? byte | bit : byte & ~bit;
  list.version += 1;
}

function listOf(publisher: Publisher, number: number): List {
  const known = publisher.lists.get(number);
  if (known !== undefined) return known;
  const list: List = {
    bits: new Uint8Array(statusListSize / 8),
    version: 0,
    published: undefined,
    signing: undefined,
  };
  publisher.lists.set(number, list);
  for (const index of publisher.revokedAt.keys()) {
    if (Math.floor(index / statusListSize) === number) mark(publisher, index, true);
  }
  return list;
}

function termOf(publisher: Publisher): number {
  return Math.floor(publisher.checkedAtMs / signEveryMs);
}

async function sign(
  engine: Engine,
  publisher: Publisher,
  { list, number }: { readonly list: List; readonly number: number },
): Promise<void> {
  const { version } = list;
  const { withdrawnKids } = publisher;
  const term = termOf(publisher);
  const expiresAtMs = term * signEveryMs + lifeMs;
  const iat = Math.floor(publisher.checkedAtMs / 1_000);
  const lst = (await deflated(list.bits, { level: 9 })).toString("base64url");
  const payload = {
    iss: engine.config.issuer,
    sub: `${statusListBase(engine.config)}${number}`,
    iat,
    exp: Math.floor(expiresAtMs / 1_000),
    ttl: ttlSeconds,
    status_list: { bits: 1, lst },
    ...(withdrawnKids.length === 0 ? {} : { withdrawn_kids: withdrawnKids }),
  };
  const { token } = await engine.signer.sign({ typ: "statuslist+jwt" }, payload);
  // weak: two nodes sign the same list with different bytes
  const etag = `W/"${term.toString(36)}.${hash("sha256", JSON.stringify([lst, withdrawnKids]), "base64url").slice(0, 22)}"`;
  list.published = { token, etag, version, term, expiresAtMs };
}
