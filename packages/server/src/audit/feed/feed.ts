import { SegnoError } from "@segno/core";
import type { Db, Engine } from "../../engine.js";
import type { Log, LogStorage } from "../log/index.js";
import { decodeLeaf, isExpired } from "../leaf/leaf.js";
import { makeLeaf, type PlacedEvent } from "../leaf/make-leaf.js";
import { keyOwnerOf, openSubjectKeys } from "../personal/subject-keys.js";
import { isAudited } from "./is-audited.js";
import type { EventSource } from "./source.js";

export interface FeedParts
  extends Pick<Engine, "clock" | "random" | "newId" | "store" | "secrets" | "dataSealer" | "log" | "config"> {
  readonly source: EventSource;
  readonly audit: Log;
  readonly storage: LogStorage;
  /** Whether leaves lie in the engine's own database, so that they and the reader's place are one transaction. */
  readonly isTransactional: boolean;
}

/** Carries events into the log. */
export interface Feed {
  /** Takes what is there, if this node has the lease or gets it, and signs a checkpoint when it is time. @returns leaves appended */
  run(): Promise<number>;
  /** Signs what the log is now. */
  checkpoint(): Promise<void>;
  /** When a round last failed, and was not followed by one that did not; milliseconds since the epoch. */
  readonly failingSinceMs: () => number | undefined;
  stop(): Promise<void>;
}

/** Leaves of one transaction. SQLite runs it on this thread and has one writer: whoever signs in meanwhile waits for it. */
const batchSizes = { sqlite: 32, postgres: 256 } as const;
const checkpointLeaves = 10_000;

/**
 * Each event becomes one leaf, in the order of positions. In the engine's database leaves and place move together. Elsewhere
 * leaves are written first and the place after them: a crash between the two is found out by the position in the last
 * leaf, so nothing is written twice.
 */
export function createFeed(parts: FeedParts): Feed {
  const { clock, store, source, audit, log, config } = parts;
  const batchSize = batchSizes[store.dialect];
  let running: Promise<number> | undefined;
  let failingSinceMs: number | undefined;
  let checkpointAtMs = 0;
  let leavesSince = 0;
  let isStopped = false;
  let isSealerReady = false;

  async function leavesOf(trx: Db, rows: readonly PlacedEvent[]): Promise<readonly Uint8Array[]> {
    const owner = (row: PlacedEvent) => keyOwnerOf({ subject: row.subject, createdAtMs: row.created_at });
    const owners = rows.filter(({ personal }) => personal !== null).map(owner);
    const keys = await openSubjectKeys(parts, trx, owners);
    const how = { secrets: parts.secrets, retention: config.audit?.retention ?? [] };
    return rows.map((row) => makeLeaf(how, row, keys.get(owner(row))));
  }

  async function take(rows: readonly PlacedEvent[]): Promise<number> {
    const audited = rows.filter(({ type }) => isAudited(type));
    if (parts.isTransactional) {
      await store.transaction(async (trx) => {
        await audit.append(await leavesOf(trx, audited), trx);
        await source.pass(trx, rows);
      });
      return audited.length;
    }
    const last = await lastPosition(parts.storage);
    const fresh = audited.filter(({ position }) => position > last);
    const leaves = await store.transaction((trx) => leavesOf(trx, fresh));
    await audit.append(leaves);
    await store.transaction((trx) => source.pass(trx, rows));
    return fresh.length;
  }

  async function runAll(): Promise<number> {
    let count = 0;
    // its first keys cannot be made inside a transaction
    if (!isSealerReady) await parts.dataSealer.ready();
    isSealerReady = true;
    for (;;) {
      const rows = await source.read(batchSize);
      if (rows === undefined) return count;
      if (rows.length > 0) count += await take(rows);
      leavesSince += rows.length;
      const isDue = clock.nowMs() - checkpointAtMs >= (config.audit?.checkpointSeconds ?? 60) * 1000;
      if (isDue || leavesSince >= checkpointLeaves) await checkpoint();
      if (rows.length < batchSize || isStopped) return count;
    }
  }

  async function checkpoint(): Promise<void> {
    checkpointAtMs = clock.nowMs();
    leavesSince = 0;
    if ((await audit.size()) > 0) await audit.checkpoint();
  }

  async function once(): Promise<number> {
    try {
      const count = await runAll();
      failingSinceMs = undefined;
      return count;
    } catch (error) {
      // another node was faster: what it took is taken
      if (error instanceof SegnoError && error.code === "conflict") return 0;
      if (failingSinceMs === undefined)
        log.error("The audit log takes no events. They wait for it.", {
          code: error instanceof SegnoError ? error.code : "",
          runbook: "audit-behind",
        });
      failingSinceMs ??= clock.nowMs();
      throw error;
    }
  }

  return {
    run() {
      running ??= once().finally(() => {
        running = undefined;
      });
      return running;
    },
    checkpoint,
    failingSinceMs: () => failingSinceMs,
    async stop() {
      isStopped = true;
      await running?.catch(() => undefined);
      await source.free().catch(() => undefined);
    },
  };
}

const bundleSize = 256;

/** The position that the last leaf was made of; 0 for an empty log. */
export async function lastPosition(storage: LogStorage): Promise<number> {
  const { size } = await storage.head();
  if (size === 0) return 0;
  const width = ((size - 1) % bundleSize) + 1;
  const leaves = await storage.readEntries(Math.floor((size - 1) / bundleSize), width);
  const last = leaves?.at(-1);
  const leaf = last === undefined ? undefined : decodeLeaf(last);
  if (leaf === undefined || isExpired(leaf))
    throw new SegnoError(
      "store_unavailable",
      "The audit log's last leaf cannot be read. Look with: segno audit verify",
    );
  return leaf.position;
}
