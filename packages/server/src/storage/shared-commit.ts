import type { DatabaseSync } from "node:sqlite";
import { whenFree } from "./when-free.js";

/** First come, first served: whoever has the turn alone uses the connection. */
class Turnstile {
  isHeld = false;
  readonly #waiting: (() => void)[] = [];

  enter(): Promise<void> | undefined {
    if (!this.isHeld) {
      this.isHeld = true;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.isHeld = false;
    else next();
  }
}

/** Transactions that reach the disk together, or not at all. */
interface Group {
  readonly committed: PromiseWithResolvers<void>;
  members: number;
  /** Takes nobody in any more: whoever has the turn commits when done. */
  isClosing: boolean;
}

/** One transaction within a group, while it has the turn. */
export interface Member {
  readonly group: Group;
  /** Opened the transaction; the others are savepoints in it. */
  readonly isFirst: boolean;
}

const maxMembers = 64;
const savepoint = "segno_member";
const lost = "SQLite rolled the transaction back by itself.";
const defer = setImmediate;

/**
 * Lets transactions that are ready in the same turn of the event loop share one COMMIT, which is what costs time: it waits for
 * the disk. One at a time has the turn, in arrival order, and each is a savepoint of its own: one that fails is rolled
 * back alone. Nobody is told anything, good or bad, before the shared COMMIT has succeeded, because each may have seen what
 * those before it wrote; when it fails, all of them fail. A group takes nobody in after one turn of the event loop.
 */
export class SharedCommit {
  readonly #database: DatabaseSync;
  readonly #isShared: boolean;
  readonly #turnstile = new Turnstile();
  #group: Group | undefined;

  /** @param isShared false commits each by itself, for a database in memory */
  constructor(database: DatabaseSync, isShared: boolean) {
    this.#database = database;
    this.#isShared = isShared;
  }

  enter(): Promise<void> | undefined {
    return this.#turnstile.enter();
  }

  /** Gives the turn away, when no transaction of the caller is open any more. */
  leave(): void {
    if (this.#group?.isClosing === true) this.#commitNow(this.#group);
    this.#turnstile.leave();
  }

  /** What a statement without a transaction of its own would see and must then wait for. */
  get isOpen(): boolean {
    return this.#group !== undefined;
  }

  get isShared(): boolean {
    return this.#isShared;
  }

  /** Starts a transaction. The caller has the turn. */
  async begin(): Promise<Member> {
    const joined = this.#group;
    if (joined !== undefined && this.#isLost()) this.#fail(joined, new Error(lost));
    else if (joined !== undefined) {
      this.#database.exec(`savepoint ${savepoint}`);
      return { group: joined, isFirst: false };
    }
    await whenFree(() => this.#database.exec("begin immediate"));
    const group: Group = { committed: Promise.withResolvers(), members: 0, isClosing: false };
    // each member hears of a failure by itself
    group.committed.promise.catch(() => {});
    this.#group = group;
    return { group, isFirst: true };
  }

  /** Ends a member's part and gives its turn away. Resolves when it is on disk; rejects when the whole group is not. */
  commit({ group, isFirst }: Member): Promise<void> {
    try {
      if (!isFirst) this.#database.exec(`release ${savepoint}`);
      else if (this.#isLost()) throw new Error(lost);
      group.members += 1;
      this.#settleOrWait(group);
    } catch (error) {
      this.#fail(group, error);
    }
    this.leave();
    return group.committed.promise;
  }

  /** Undoes a member's part and gives its turn away. Resolves when those before it, whose work it may have seen, are on disk. */
  rollback({ group, isFirst }: Member): Promise<void> {
    if (isFirst) {
      this.#group = undefined;
      this.#rollbackAll();
      group.committed.resolve();
    } else {
      try {
        // fails when SQLite has rolled everything back by itself, for example because the disk is full
        this.#database.exec(`rollback to ${savepoint}`);
        this.#database.exec(`release ${savepoint}`);
      } catch (error) {
        this.#fail(group, error);
      }
    }
    this.leave();
    return group.committed.promise;
  }

  /** A read among the members gives its turn away: what it saw counts once it is on disk. */
  follow(): Promise<void> {
    const group = this.#group;
    this.leave();
    return group === undefined ? Promise.resolve() : group.committed.promise;
  }

  /** Commits what waits for its commit. */
  flush(): void {
    if (this.#group !== undefined && !this.#turnstile.isHeld) this.#commitNow(this.#group);
  }

  #settleOrWait(group: Group): void {
    if (!this.#isShared || group.isClosing || group.members >= maxMembers) return this.#commitNow(group);
    if (group.members > 1 || this.#group !== group) return;
    defer(() => {
      if (this.#group !== group) return;
      if (this.#turnstile.isHeld) group.isClosing = true;
      else this.#commitNow(group);
    });
  }

  #commitNow(group: Group): void {
    this.#group = undefined;
    try {
      this.#database.exec("commit");
      group.committed.resolve();
    } catch (error) {
      this.#fail(group, error);
    }
  }

  #fail(group: Group, error: unknown): void {
    if (this.#group === group) this.#group = undefined;
    this.#rollbackAll();
    group.committed.reject(error);
  }

  /** SQLite rolled everything back by itself, for example because the disk is full. */
  #isLost(): boolean {
    return this.#database.isTransaction === false;
  }

  #rollbackAll(): void {
    if (this.#isLost()) return;
    try {
      this.#database.exec("rollback");
    } catch {
      // rolled back already; if the database is worse off than that, the next BEGIN says so
    }
  }
}
