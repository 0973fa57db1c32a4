import type { Db } from "../../engine.js";
import type { PlacedEvent } from "../leaf/make-leaf.js";

/** Where the feed gets events from, in their order: the event log's reader of the name `audit`. */
export interface EventSource<Row extends PlacedEvent = PlacedEvent> {
  /** The next rows after this reader's place; undefined while another node reads. */
  read(limit: number): Promise<readonly Row[] | undefined>;
  /** Moves the place through `trx` and forgets what was personal. @throws SegnoError `conflict` when the lease was lost */
  pass(trx: Db, rows: readonly Row[]): Promise<void>;
  free(): Promise<void>;
}
