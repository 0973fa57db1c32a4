import type { Engine } from "../engine.js";
import { type CustodyParts, type KeyRow, type OpenedKey, openKey } from "./key-material.js";

/** The keys that are open in memory, each for a limited time. */
export interface OpenKeys {
  /** The key if it is open and its time is not over. Renews it in the background when it is due. */
  get(row: KeyRow): OpenedKey | undefined;
  /** Opens it, asking the custody. One call at a time per key. @throws SegnoError `key_unavailable` */
  open(row: KeyRow): Promise<OpenedKey>;
  /** Forgets every other key. */
  keepOnly(rows: readonly KeyRow[]): void;
  /** Whether the custody did not open a key when it was asked last. */
  isFailing(): boolean;
}

type OpenKeysParts = Pick<Engine, "config" | "clock" | "log"> & CustodyParts;

interface Entry {
  readonly key: OpenedKey;
  /** Where the key lay when it was opened: a row wrapped again elsewhere is still the same key. */
  openedAtMs: number;
}

/** Between two tries to renew a key. */
const retryMs = 1_000;

/**
 * An opened key is used for `keys.leaseSeconds`, then asked for again in the background. While the custody does not
 * answer it is used for `keys.outageSeconds` longer, then dropped.
 * @param background runs work outside any transaction, one at a time per name
 */
export function createOpenKeys(
  parts: OpenKeysParts,
  background: (name: string, work: () => Promise<unknown>) => void,
): OpenKeys {
  const { clock, config, log } = parts;
  const leaseMs = config.keys.leaseSeconds * 1000;
  const outageMs = config.keys.outageSeconds * 1000;
  const entries = new Map<string, Entry>();
  const opening = new Map<string, Promise<OpenedKey>>();
  const triedAtMs = new Map<string, number>();
  const closed = new Set<string>();

  /** A clock that was set back makes the lease due at once, and the time after it start now. */
  function ageOf(entry: Entry): number {
    const age = clock.nowMs() - entry.openedAtMs;
    if (age >= 0) return age;
    entry.openedAtMs = clock.nowMs() - leaseMs;
    return leaseMs;
  }

  async function ask(row: KeyRow): Promise<OpenedKey> {
    const openedAtMs = clock.nowMs();
    try {
      const key = await openKey(parts, row);
      entries.set(row.kid, { key, openedAtMs });
      closed.delete(row.kid);
      return key;
    } catch (error) {
      closed.add(row.kid);
      throw error;
    }
  }

  function open(row: KeyRow): Promise<OpenedKey> {
    const underWay = opening.get(row.kid);
    if (underWay !== undefined) return underWay;
    const asked = ask(row).finally(() => opening.delete(row.kid));
    opening.set(row.kid, asked);
    return asked;
  }

  function renew(row: KeyRow): void {
    const sinceMs = clock.nowMs() - (triedAtMs.get(row.kid) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs >= 0 && sinceMs < retryMs) return;
    triedAtMs.set(row.kid, clock.nowMs());
    background(`renew ${row.kid}`, () =>
      open(row).catch(() =>
        log.warn("The custody does not open a key again. It is used while its time lasts.", { kid: row.kid }),
      ),
    );
  }

  return {
    get(row) {
      const entry = entries.get(row.kid);
      if (entry === undefined) return undefined;
      const age = ageOf(entry);
      if (age < leaseMs) return entry.key;
      if (age < leaseMs + outageMs) {
        renew(row);
        return entry.key;
      }
      entries.delete(row.kid);
      return undefined;
    },
    open,
    keepOnly(rows) {
      const kids = new Set(rows.map((row) => row.kid));
      for (const kid of entries.keys()) if (!kids.has(kid)) entries.delete(kid);
      for (const kid of [...triedAtMs.keys(), ...closed]) {
        if (kids.has(kid)) continue;
        triedAtMs.delete(kid);
        closed.delete(kid);
      }
    },
    isFailing: () => closed.size > 0,
  };
}
