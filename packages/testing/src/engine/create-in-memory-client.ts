import { createSegnoClient, type Locks, type SegnoClient, type SegnoClientOptions } from "@segno/client";
import type { Segno } from "@segno/server";
import { openBrowser, type TestBrowser } from "../browser/test-browser.js";

/** Options of `createInMemoryClient`: those of the Segno client, and the browser it runs in. */
export interface InMemoryClientOptions extends Omit<SegnoClientOptions, "baseUrl" | "basePath" | "fetch"> {
  /** Share a browser's cookies, for example one that is signed in already. Default: a new browser. */
  readonly browser?: TestBrowser;
}

/** A client, and the browser it runs in. */
export interface InMemoryClient {
  readonly client: SegnoClient;
  readonly browser: TestBrowser;
}

/**
 * `@segno/client` wired straight to an engine: no port, no network, real cookies. One tab: it talks to no other client
 * of this process unless `openChannel` and `locks` are given.
 *
 * @example
 * const { browser } = await test.signInAs("ada@example.com");
 * const { client } = createInMemoryClient(test.segno, { browser });
 * const { data } = await client.getToken();
 */
export function createInMemoryClient(segno: Segno, options: InMemoryClientOptions = {}): InMemoryClient {
  const { browser = openBrowser({ ...segno, nowMs: segno.clock.nowMs }), ...rest } = options;
  const client = createSegnoClient({
    clock: segno.clock,
    openChannel: () => undefined,
    locks: createTabLocks(),
    delay: async () => {},
    random: () => 0.5,
    ...rest,
    baseUrl: segno.origin,
    basePath: segno.basePath,
    fetch: browser.fetch,
  });
  return { client, browser };
}

/** One task at a time per name, in arrival order. */
function createTabLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(name, task) {
      const before = tails.get(name);
      const mine = (async () => {
        await before?.catch(() => undefined);
        return await task({ hadToWait: before !== undefined });
      })();
      tails.set(name, mine);
      try {
        return await mine;
      } finally {
        if (tails.get(name) === mine) tails.delete(name);
      }
    },
  };
}
