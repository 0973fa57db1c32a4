import type { SegnoEvent, SegnoEventType } from "@segno/core";
import { createSegno, type Segno, type SegnoOptions, type StoreSource, silentLogger } from "@segno/server";
import { sqlite } from "@segno/server/storage/sql";
import { openBrowser, type TestBrowser, type TestBrowserOptions } from "../browser/test-browser.js";
import { createMailCapture, type MailCapture } from "../mail-capture.js";
import { createSeededRandom } from "../seeded-random.js";
import { createVirtualClock, type VirtualClock } from "../virtual-clock.js";
import { type SignedInBrowser, type SignInAsOptions, signInAs, signUpWithPasskey } from "./sign-in.js";
import { type ObservedStore, observeStore } from "./store-watch.js";

/** Everything an engine takes, and the seed that ids, tokens and keys are drawn from. */
export interface TestSegnoOptions extends Omit<SegnoOptions, "clock" | "random"> {
  /** Default `"segno"`. The same seed and the same calls give the same ids, codes, links, opaque tokens and keys. */
  readonly seed?: string;
  /** Default: a virtual clock at 2026-01-01T00:00:00Z. */
  readonly clock?: VirtualClock;
}

/** An engine to test against, with everything around it that a test turns. */
export interface TestSegno {
  readonly segno: Segno;
  /** Default `https://app.example.com`. */
  readonly origin: string;
  readonly clock: VirtualClock;
  readonly mail: MailCapture;
  /** Every event delivered so far, in order. Delivery is asynchronous: `await settle()` first, or use `eventsOf`. */
  readonly events: readonly SegnoEvent[];
  /** The events of a type, once everything committed was delivered. */
  eventsOf<Type extends SegnoEventType>(type: Type): Promise<readonly SegnoEvent<Type>[]>;
  /** `fetch` of a client without cookies, `Origin` or an address of its own. */
  readonly fetch: typeof globalThis.fetch;
  /** Opens a browser with an empty cookie jar, a passkey device and an address of its own. */
  browser(options?: TestBrowserOptions): TestBrowser;
  /** Signs in by mailed code, creating the account when there is none. */
  signInAs(email: string, options?: SignInAsOptions): Promise<SignedInBrowser>;
  /** Creates an account that has a passkey and no address. */
  signUpWithPasskey(options?: SignInAsOptions): Promise<SignedInBrowser>;
  /** Waits until mail and events of everything committed are out. */
  settle(): Promise<void>;
  /** Every row of every table as text: for tests that look for secrets or personal data at rest. */
  dump(): Promise<string>;
  /** Stops the engine and throws the database away. */
  close(): Promise<void>;
}

/** Sealing needs a secret; this one protects nothing. */
const testSecret = "1:9sLw2vNq7XtRb4KzYd8mHc3PfGj6UaEo";

/**
 * An engine in memory with a clock that stands still, ids, keys and opaque tokens that repeat for a seed, captured mail and events.
 * Access tokens are byte-identical between runs under `keys: { algorithm: "EdDSA" }`; under ES256, the default, their
 * header and payload are, but not the signature: ECDSA draws a nonce for each.
 *
 * @example
 * const test = await createTestSegno();
 * const { browser } = await test.signInAs("ada@example.com");
 * test.clock.advance({ days: 15 });
 * const { body } = await browser.call("/v1/session"); // { session: null, user: null }: idle for too long
 * await test.close();
 */
export async function createTestSegno(options: TestSegnoOptions = {}): Promise<TestSegno> {
  const { seed = "segno", clock = createVirtualClock(), database, email, ...rest } = options;
  const mail = createMailCapture();
  const watch = observeStore(typeof database === "object" ? database : sqlite(database ?? ":memory:"));
  const segno = createSegno({
    baseUrl: "https://app.example.com",
    secret: testSecret,
    clientIp: { source: "socket" },
    production: false,
    logger: silentLogger,
    ...rest,
    database: watch.source,
    email: email ?? mail,
    clock,
    random: createSeededRandom(seed),
  });
  const events: SegnoEvent[] = [];
  segno.on("*", (event) => void events.push(event));
  await segno.ready();
  return assemble({ segno, clock, mail, events, watch, seed });
}

interface Parts {
  readonly segno: Segno;
  readonly clock: VirtualClock;
  readonly mail: MailCapture;
  readonly events: SegnoEvent[];
  readonly watch: ObservedStore;
  readonly seed: string;
}

function assemble({ segno, clock, mail, events, watch, seed }: Parts): TestSegno {
  const { handler, origin, basePath } = segno;
  const site = { handler, origin, basePath, nowMs: clock.nowMs };
  const settle = () => watch.settle(clock.nowMs);
  let opened = 0;
  const browser = (browserOptions: TestBrowserOptions = {}): TestBrowser => {
    opened += 1;
    const remoteAddress = `198.18.${(opened >> 8) & 0xff}.${opened & 0xff}`; // a network for tests, RFC 2544
    return openBrowser(
      { ...site, random: createSeededRandom(`${seed}/browser/${opened}`) },
      { remoteAddress, ...browserOptions },
    );
  };
  return {
    segno,
    origin,
    clock,
    mail,
    events,
    async eventsOf<Type extends SegnoEventType>(type: Type) {
      await settle();
      return events.filter((event) => event.type === type) as unknown as readonly SegnoEvent<Type>[];
    },
    fetch: async (input, init) =>
      await handler(new Request(input instanceof Request ? input : new URL(input, origin), init), {
        remoteAddress: "198.18.255.254",
      }),
    browser,
    signInAs: (address, signInOptions) => signInAs({ mail, browser }, address, signInOptions),
    signUpWithPasskey: (signInOptions) => signUpWithPasskey({ mail, browser }, signInOptions),
    settle,
    dump: watch.dump,
    close: () => segno.close(),
  };
}

/** Whatever opens a store fits, for example `postgres(pool)`. */
export type { StoreSource };
