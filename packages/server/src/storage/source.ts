import type { Clock } from "@segno/core";
import type { Store } from "../ports.js";

/** What a source is told when it opens. */
export interface StoreContext {
  /** Stamps applied migrations. Default: the system clock. */
  readonly clock?: Clock;
}

/** Something that opens a store: `sqlite(path)`, `postgres(pool)`. */
export interface StoreSource {
  /** Names the store in messages; holds no password. */
  readonly describe: string;
  /**
   * Connects, brings the schema up to date and hands over the store.
   * @throws SegnoError `store_unavailable` when it cannot be reached, was changed by hand or belongs to a newer version
   */
  open(context?: StoreContext): Promise<Store>;
}
