import { type CustodyParts, type KeyRow, openKey } from "./key-material.js";

/** One live key, and whether it could sign. */
export interface KeyHealth {
  readonly kid: string;
  readonly state: KeyRow["state"];
  readonly custody: string;
  /** Milliseconds since 1970. */
  readonly publishedAtMs: number;
  /** Whether the private half opens and fits. A key that only verifies needs none. */
  readonly opens: boolean;
}

/** Whether tokens can be signed, key by key. */
export interface KeyringHealth {
  /** `failed`: nothing can be signed. `degraded`: the spare does not open or is missing, or the custody does not answer. */
  readonly status: "ok" | "degraded" | "failed";
  /** Nothing can be signed because a custody stopped answering that did answer this process: another node is no better. */
  readonly isOutage: boolean;
  readonly keys: readonly KeyHealth[];
}

/**
 * @param isOpen what is open in memory. A vault is not asked for each look at our health: what it opened last counts.
 * Undefined asks the custody for each key.
 */
export async function keyringHealth(
  parts: CustodyParts,
  rows: readonly KeyRow[],
  isOpen: ((row: KeyRow) => boolean) | undefined,
): Promise<KeyringHealth> {
  const keys = await Promise.all(
    rows.map(async (row): Promise<KeyHealth> => {
      const { kid, state, custody, published_at: publishedAtMs } = row;
      return {
        kid,
        state,
        custody,
        publishedAtMs,
        opens: isOpen === undefined ? await opensNow(parts, row) : isOpen(row),
      };
    }),
  );
  const opens = (state: KeyRow["state"]): boolean => keys.some((key) => key.state === state && key.opens);
  if (!opens("signing")) return { status: "failed", isOutage: false, keys };
  return { status: opens("published") ? "ok" : "degraded", isOutage: false, keys };
}

function opensNow(parts: CustodyParts, row: KeyRow): Promise<boolean> {
  return openKey(parts, row).then(
    () => true,
    () => false,
  );
}
