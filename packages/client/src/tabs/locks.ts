import { type Locks, randomNumber, wallMs } from "../ports.js";

const longestWaitMs = 5_000;
const pollMs = 50;

/**
 * One holder per browser: Web Locks where they exist, else a lease in `localStorage`, else one holder per page.
 * A holder that hangs is overtaken after five seconds: the service answers racing refreshes with the same successor.
 */
export function createLocks(): Locks {
  if (globalThis.navigator?.locks) return { run: runWithWebLock };
  return createLeaseLocks(hasLocalStorage() ? globalThis.localStorage : undefined);
}

async function runWithWebLock<T>(
  name: string,
  task: (lock: { readonly hadToWait: boolean }) => Promise<T>,
): Promise<T> {
  const { locks } = navigator;
  const free = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock ? { value: await task({ hadToWait: false }) } : undefined,
  );
  if (free) return free.value;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), longestWaitMs);
  try {
    return await locks.request(name, { signal: abort.signal }, () => {
      clearTimeout(timer);
      return task({ hadToWait: true });
    });
  } catch (cause) {
    if (!abort.signal.aborted) throw cause;
    return await task({ hadToWait: true });
  } finally {
    clearTimeout(timer);
  }
}

/** The fallback: a lease under `segno.lock.NAME`, written, then read back after a random pause to see who won. */
export function createLeaseLocks(
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined,
  pause: (milliseconds: number) => Promise<void> = (milliseconds) =>
    new Promise((resolve) => setTimeout(resolve, milliseconds)),
): Locks {
  const queues = new Map<string, Promise<unknown>>();
  const inTurn = async <T>(name: string, task: () => Promise<T>): Promise<T> => {
    const before = queues.get(name);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return await task();
    })();
    queues.set(name, turn);
    try {
      return await turn;
    } finally {
      if (queues.get(name) === turn) queues.delete(name);
    }
  };
  return {
    run: (name, task) => {
      const hadToWait = queues.has(name);
      return inTurn(name, async () => {
        if (!storage) return await task({ hadToWait });
        const lease = await takeLease(storage, `segno.lock.${name}`, pause);
        try {
          return await task({ hadToWait: hadToWait || lease.hadToWait });
        } finally {
          lease.release();
        }
      });
    },
  };
}

async function takeLease(
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
  key: string,
  pause: (milliseconds: number) => Promise<void>,
): Promise<{ readonly hadToWait: boolean; readonly release: () => void }> {
  const mine = `${randomNumber()}`;
  let hadToWait = false;
  for (let waitedMs = 0; waitedMs < longestWaitMs; waitedMs += pollMs) {
    const [owner, until] = (storage.getItem(key) ?? "|0").split("|");
    if (owner === mine) break;
    if (Number(until) < wallMs()) {
      storage.setItem(key, `${mine}|${wallMs() + longestWaitMs}`);
    } else {
      hadToWait = true;
    }
    await pause(pollMs / 2 + randomNumber() * pollMs);
  }
  return {
    hadToWait,
    release: () => {
      if (storage.getItem(key)?.startsWith(`${mine}|`)) storage.removeItem(key);
    },
  };
}

function hasLocalStorage(): boolean {
  try {
    return globalThis.window !== undefined && globalThis.localStorage !== undefined;
  } catch {
    return false;
  }
}
