import type { Engine } from "../engine.js";
import { createEventReader } from "../events/index.js";
import { type Completeness, measureCompleteness } from "./completeness/completeness.js";
import { buildBundle } from "./evidence/build-bundle.js";
import type { BundleFiles } from "./evidence/zip.js";
import { createFeed } from "./feed/feed.js";
import type { BacklogGate } from "./feed/gate.js";
import { openLogSigner } from "./feed/log-signer.js";
import { type Backlog, readBacklog, readerName } from "./feed/store.js";
import { type LogStorage, openLog, parseCheckpoint, sqlStorage } from "./log/index.js";
import { endStrangerKeys } from "./personal/subject-keys.js";
import type { AuditQuery } from "./read/query.js";
import { type AuditEntry, showAudit } from "./read/show.js";
import { trustedKeysText } from "./read/trusted-keys-text.js";
import { createExpiry } from "./retention/expire.js";

/** How the log is. */
export interface AuditStatus {
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  /** Leaves that the newest checkpoint covers; null while there is none. */
  readonly checkpointSize: number | null;
  /** Committed events that are no leaves yet. */
  readonly waiting: number;
  /** When the oldest of them happened, milliseconds since the epoch. */
  readonly oldestWaitingMs: number | null;
  /** Since when this process cannot write to the log; null when it can, or does not try. */
  readonly failingSinceMs: number | null;
  /** How many events may wait before further ones are refused. */
  readonly maxBacklog: number;
  /** The log's keys, one a line: what a verifier needs from elsewhere than the log. */
  readonly keys: string;
}

/** The audit log of an engine. */
export interface AuditTrail {
  readonly storage: LogStorage;
  /** Takes what waits, at most four times a second, and asks how far it is behind. For the event log to call. */
  work(): Promise<void>;
  /** Takes everything and signs a checkpoint. @returns how many leaves were appended */
  settle(): Promise<number>;
  /** Ends what is over: payloads by class, and the keys of strangers' days. */
  expire(): Promise<void>;
  backlog(): Promise<Backlog>;
  status(): Promise<AuditStatus>;
  completeness(): Promise<Completeness>;
  show(query: AuditQuery & { readonly limit?: number }): Promise<readonly AuditEntry[]>;
  evidence(query: AuditQuery, tool: { readonly name: string; readonly version: string }): Promise<BundleFiles>;
  health(): "ok" | "degraded";
  stop(): Promise<void>;
}

const restMs = 250;
const tolerableMs = 10_000;

/** Opens the log in the engine's own database. */
export function openAudit(
  engine: Engine,
  options: NonNullable<Engine["config"]["audit"]>,
  gate: BacklogGate,
): AuditTrail {
  const { store, clock } = engine;
  const { origin, maxBacklog } = options;
  const storage = sqlStorage(store, origin);
  const signer = () => openLogSigner(engine.auditSigner, origin);
  const log = openLog({ storage, origin, signer });
  const source = createEventReader(engine, readerName);
  const feed = createFeed({ ...engine, source, audit: log, storage, isTransactional: true });
  const expiry = createExpiry(engine, storage);
  const keys = async () => await trustedKeysText(engine.auditSigner, storage, origin);
  let restUntil = 0;
  let isStopped = false;
  let endRest = (): void => {};

  async function rest(): Promise<void> {
    const ms = restUntil - performance.now();
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      endRest = resolve;
      setTimeout(resolve, ms).unref();
    });
  }

  return {
    storage,
    async work() {
      await rest();
      if (isStopped) return;
      try {
        await feed.run();
      } finally {
        restUntil = performance.now() + restMs;
        gate.set(await readBacklog(store.db));
      }
    },
    async settle() {
      let count = 0;
      // a round under way may have begun before what is meant, and the first checkpoint makes a key, which is an event
      for (let round = 0; round < 5; round += 1) {
        const taken = await feed.run();
        count += taken;
        const backlog = await readBacklog(store.db);
        gate.set(backlog);
        if (backlog.waiting > 0 && (taken > 0 || round < 2)) continue;
        await feed.checkpoint();
        if ((await readBacklog(store.db)).waiting === 0) break;
      }
      return count;
    },
    async expire() {
      await expiry.run();
      await endStrangerKeys(engine, options.strangerDays);
    },
    backlog: () => readBacklog(store.db),
    async status() {
      const [{ size }, kept, backlog] = [
        await storage.head(),
        await storage.latestCheckpoint(),
        await readBacklog(store.db),
      ];
      return {
        origin,
        size,
        checkpointSize: kept === undefined ? null : (parseCheckpoint(kept.note)?.size ?? null),
        waiting: backlog.waiting,
        oldestWaitingMs: backlog.oldestMs,
        failingSinceMs: feed.failingSinceMs() ?? null,
        maxBacklog,
        keys: await keys(),
      };
    },
    completeness: () => measureCompleteness(engine, storage),
    show: (query) => showAudit(engine, storage, query),
    evidence: async (query, tool) =>
      await buildBundle({ audit: log, storage, query, keys: await keys(), signer: await signer(), tool }),
    health() {
      const since = feed.failingSinceMs();
      const isFailing = since !== undefined && clock.nowMs() - since >= tolerableMs;
      return isFailing || gate.latest().waiting > maxBacklog / 2 ? "degraded" : "ok";
    },
    async stop() {
      isStopped = true;
      endRest();
      await feed.stop();
    },
  };
}
