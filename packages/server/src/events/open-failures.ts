/** An event that one subscriber has not taken. */
export interface OpenFailure {
  readonly id: string;
  readonly subject: string | null;
  readonly attempts: number;
  readonly nextTryMs: number;
}

/** What one subscriber has failed on, in the order of events, without the events themselves. */
export interface OpenFailures {
  readonly size: number;
  /** Whether something of the subject waits, so that nothing later of it may go. */
  blocks(subject: string | null): boolean;
  /** Keeps its place when it is there already. */
  set(failure: OpenFailure): void;
  delete(id: string): void;
  get(id: string): OpenFailure | undefined;
  clear(): void;
  ids(): readonly string[];
  /** Those that are due and have nothing earlier of their subject that is not. */
  due(nowMs: number, limit: number): readonly OpenFailure[];
}

export function createOpenFailures(): OpenFailures {
  const byId = new Map<string, OpenFailure>();
  const countBySubject = new Map<string, number>();

  function count(subject: string | null, step: 1 | -1): void {
    if (subject === null) return;
    const next = (countBySubject.get(subject) ?? 0) + step;
    if (next > 0) countBySubject.set(subject, next);
    else countBySubject.delete(subject);
  }

  return {
    get size() {
      return byId.size;
    },
    blocks: (subject) => subject !== null && countBySubject.has(subject),
    set(failure) {
      if (!byId.has(failure.id)) count(failure.subject, 1);
      byId.set(failure.id, failure);
    },
    delete(id) {
      const failure = byId.get(id);
      if (failure !== undefined && byId.delete(id)) count(failure.subject, -1);
    },
    get: (id) => byId.get(id),
    clear() {
      byId.clear();
      countBySubject.clear();
    },
    ids: () => [...byId.keys()],
    due(nowMs, limit) {
      const found: OpenFailure[] = [];
      const notYet = new Set<string>();
      for (const failure of byId.values()) {
        if (found.length >= limit) break;
        const { subject } = failure;
        if (subject !== null && notYet.has(subject)) continue;
        if (failure.nextTryMs <= nowMs) found.push(failure);
        else if (subject !== null) notYet.add(subject);
      }
      return found;
    },
  };
}
