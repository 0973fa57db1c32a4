import { isSegnoError, SegnoError } from "@segno/core";
import { createBreaker } from "./breaker.js";
import { isPoolTimeout, isUnanswered } from "./faults.js";
import { inTime } from "./in-time.js";
import type { PgClient, PgPool, PgResult, PgStatement } from "./pg-pool.js";
import { retrying } from "./retrying.js";

/** How long a request may wait for PostgreSQL. */
export interface PoolLimits {
  /** For a free connection. */
  readonly connectTimeoutMs: number;
  /** For one statement. */
  readonly statementTimeoutMs: number;
}

/** Requests that wait for a connection at once; further ones are turned away. */
const maxWaiting = 1_000;
const restMs = 500;

/**
 * A pool that answers in bounded time, whatever becomes of the server: waiting for a connection and for a statement both
 * have an end, after which the caller gets `store_unavailable`. A connection whose statement was not answered in time is
 * closed, because nobody can tell what it is still busy with. When nothing gets through, callers are turned away at once
 * and a single one tries again twice a second.
 *
 * A statement outside a transaction that PostgreSQL rolled back because of another one is run again.
 */
export function guardPool(pool: PgPool, limits: PoolLimits): PgPool {
  const breaker = createBreaker({ failures: 3, restMs });
  let waiting = 0;
  let lastAnswerMs = performance.now();
  const answered = () => {
    lastAnswerMs = performance.now();
    breaker.succeeded();
  };
  const late = () => unavailable("No connection to the database was free in time.");
  const failed = (error: unknown) => {
    const isTimeout = isPoolTimeout(error) || isSegnoError(error);
    // a full pool is busy; a full pool in which nothing moves is dead
    if (isTimeout ? performance.now() - lastAnswerMs > limits.connectTimeoutMs : isUnanswered(error)) breaker.failed();
  };
  return {
    async connect() {
      if (!breaker.allows()) throw unavailable("The database did not answer just now.");
      if (waiting >= maxWaiting) throw unavailable("Too many requests wait for a connection to the database.");
      waiting += 1;
      try {
        const client = await inTime(limits.connectTimeoutMs, pool.connect(), late, (found) => found.release());
        return guardClient(client, limits, { answered, silent: () => breaker.failed() });
      } catch (error) {
        failed(error);
        throw error;
      } finally {
        waiting -= 1;
      }
    },
    end: () => pool.end(),
  };
}

interface Outcomes {
  readonly answered: () => void;
  readonly silent: () => void;
}

const heard = new WeakSet<object>();

/** A connection that breaks fails the statement it is at, and is replaced. It must not end the process as well. */
export function hearErrors<Source extends PgClient | PgPool>(source: Source): Source {
  if (!heard.has(source)) source.on?.("error", () => {});
  heard.add(source);
  return source;
}

function guardClient(client: PgClient, limits: PoolLimits, outcomes: Outcomes): PgClient {
  hearErrors(client);
  let lost: Error | undefined;
  let isInTransaction = false;

  const run = async (statement: string | PgStatement, values: unknown[] | undefined): Promise<PgResult> => {
    if (lost !== undefined) throw lost;
    const tooLate = () => {
      outcomes.silent();
      lost = unavailable("The database did not answer a statement in time.");
      return lost;
    };
    const sent = typeof statement === "string" ? client.query(statement, values) : client.query(statement);
    try {
      const result = await inTime(limits.statementTimeoutMs, sent, tooLate);
      outcomes.answered();
      return result;
    } catch (error) {
      if (lost === undefined && isUnanswered(error)) outcomes.silent();
      else if (lost === undefined) outcomes.answered();
      throw error;
    }
  };
  return {
    async query(statement: string | PgStatement, values?: unknown[]) {
      const text = typeof statement === "string" ? statement : statement.text;
      const wasInTransaction = isInTransaction;
      if (/^(begin|start transaction)\b/i.test(text)) isInTransaction = true;
      else if (/^(commit|rollback(?! to))\b/i.test(text)) isInTransaction = false;
      return wasInTransaction || isInTransaction
        ? await run(statement, values)
        : await retrying(() => run(statement, values));
    },
    release: (destroy) => client.release(destroy === true || lost !== undefined),
  };
}

function unavailable(message: string): SegnoError {
  return new SegnoError("store_unavailable", message, { retryAfterSeconds: 2 });
}
