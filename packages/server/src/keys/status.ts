import type { Engine } from "../engine.js";
import { isOwn, type KeyRow } from "./key-material.js";
import { retirableAtMs } from "./overlap.js";
import { cadenceSeconds } from "./purposes.js";
import { type KeyParts, maySignAtMs } from "./rotate.js";
import { listKeys } from "./store.js";
import { sumUses, type UseSums } from "./uses-store.js";
import { type KnownVerifier, listVerifiers } from "./verifiers.js";

/** One key as `segno.api.keys.status` tells of it. Times are milliseconds since 1970, null for "not yet". */
export interface KeyStatus {
  readonly kid: string;
  readonly purpose: string;
  /** `published` is the spare. `retired`, `destroyed` and `compromised` keys are in no key set any more. */
  readonly state: KeyRow["state"];
  readonly algorithm: string;
  /** `local`, or the custody's name and mode, for example `vault:wrapped`. */
  readonly custody: string;
  /** Whether the configured custody made it: no other one signs. */
  readonly isOwnCustody: boolean;
  readonly createdAtMs: number;
  readonly publishedAtMs: number;
  readonly signingAtMs: number | null;
  readonly verifyOnlyAtMs: number | null;
  readonly retiredAtMs: number | null;
  readonly destroyedAtMs: number | null;
  /** What it signed, sealed or opened in the last 24 hours, on all nodes, up to a minute ago. */
  readonly signedLastDay: number;
  /** Its share of all uses of keys of its purpose in that time: 0 to 1. */
  readonly signingShare: number;
  /** At most so many of its tokens have not expired: counted by spans of five minutes, up to a minute ago. */
  readonly unexpired: number;
  /** No token of it lives longer. On record before the token exists. */
  readonly latestExpMs: number | null;
  /** For the spare: when it may sign by itself. */
  readonly maySignAtMs: number | null;
  /** For the key that signs: when its time is over. */
  readonly rotatesAtMs: number | null;
  /** For a key that only verifies: when it may leave the key set. Null for a data key, which stays. */
  readonly mayRetireAtMs: number | null;
}

/** What `segno.api.keys.status` answers. */
export interface KeyStatusReport {
  readonly atMs: number;
  /** Oldest first, every purpose. Keys that left the key set are kept as a record. */
  readonly keys: readonly KeyStatus[];
  /** Who fetched the key set in the last day. */
  readonly verifiers: {
    readonly known: number;
    /** Those that are not known to have fetched a set with the spare in it. */
    readonly behind: readonly KnownVerifier[];
  };
}

const dayMs = 86_400_000;

/** Reads the store only: no custody is asked. */
export async function keyStatus(engine: Engine, partsOf: (purpose: string) => KeyParts): Promise<KeyStatusReport> {
  const { db } = engine.store;
  const nowMs = engine.clock.nowMs();
  const rows = await listKeys(db);
  const sums = await sumUses(db, { fromMs: nowMs - dayMs, nowMs });
  const verifiers = await listVerifiers(db, nowMs);
  const spare = rows.find((row) => row.state === "published" && row.purpose === "access_token");
  const keys: KeyStatus[] = [];
  for (const row of rows) {
    const parts = partsOf(row.purpose);
    const total = rows
      .filter((each) => each.purpose === row.purpose)
      .reduce((sum, each) => sum + (sums.get(each.kid)?.recent ?? 0), 0);
    keys.push({ ...lifeOf(row), ...useOf(sums.get(row.kid), total), ...(await plansOf(parts, row)) });
  }
  const behind = spare === undefined ? [] : verifiers.filter((each) => each.holdsAtMs < spare.published_at);
  return { atMs: nowMs, keys, verifiers: { known: verifiers.length, behind } };
}

function lifeOf(row: KeyRow) {
  return {
    kid: row.kid,
    purpose: row.purpose,
    state: row.state,
    algorithm: row.algorithm,
    custody: row.custody,
    createdAtMs: row.created_at,
    publishedAtMs: row.published_at,
    signingAtMs: row.signing_at,
    verifyOnlyAtMs: row.verify_only_at,
    retiredAtMs: row.retired_at,
    destroyedAtMs: row.destroyed_at,
    latestExpMs: row.latest_exp,
  };
}

function useOf(sums: UseSums | undefined, total: number) {
  const signedLastDay = sums?.recent ?? 0;
  return { signedLastDay, signingShare: total === 0 ? 0 : signedLastDay / total, unexpired: sums?.unexpired ?? 0 };
}

async function plansOf(parts: KeyParts, row: KeyRow) {
  const usedMs = cadenceSeconds(parts.config, parts.purpose) * 1000;
  return {
    isOwnCustody: isOwn(parts, row),
    maySignAtMs: row.state === "published" ? await maySignAtMs(parts, row) : null,
    rotatesAtMs: row.state === "signing" && row.signing_at !== null ? row.signing_at + usedMs : null,
    mayRetireAtMs: row.state === "verify_only" && parts.purpose !== "data" ? retirableAtMs(row) : null,
  };
}
