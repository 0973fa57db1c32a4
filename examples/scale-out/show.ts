// The demonstration: each line is checked, and a line that does not hold fails it.
import { Redis } from "ioredis";
import type { Cluster } from "./cluster.ts";
import { takeCode } from "./mail-folder.ts";

/** Cookies of one browser, and the page's origin. */
class Browser {
  readonly #origin: string;
  #cookies = new Map<string, string>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async call(base: string, path: string, body?: object, method = body === undefined ? "GET" : "POST") {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { origin: this.#origin, cookie, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const equals = pair.indexOf("=");
      this.#cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    const text = await response.text();
    const json = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, node: response.headers.get("x-node"), json };
  }

  /** The same browser as it is now: what somebody who copied the cookie could go on sending. */
  copy(): Browser {
    const copy = new Browser(this.#origin);
    copy.#cookies = new Map(this.#cookies);
    return copy;
  }
}

export async function show(cluster: Cluster, say: (line: string) => void): Promise<boolean> {
  let holds = true;
  const check = (isTrue: boolean, line: string) => {
    holds &&= isTrue;
    say(`${isTrue ? "ok " : "NOT"}  ${line}`);
  };
  const [one, two, three] = cluster.nodes;
  if (one === undefined || two === undefined || three === undefined) throw new Error("Three nodes are needed.");
  const signIn = async (email: string): Promise<Browser> => {
    const browser = new Browser(cluster.url);
    const { json } = await browser.call(one.url, "/api/auth/v1/email/start", { email });
    const code = await takeCode(cluster.mailFolder, email);
    await browser.call(one.url, "/api/auth/v1/email/verify", { attemptId: json["attemptId"], code });
    return browser;
  };
  const statuses = async (browser: Browser, times: number) =>
    await Promise.all(
      Array.from({ length: times }, () =>
        browser
          .copy()
          .call(cluster.url, "/orders")
          .then(
            ({ status }) => status,
            () => 0,
          ),
      ),
    );
  const every = (all: readonly number[], status: number) => all.every((each) => each === status);

  const ada = await signIn("ada@example.com");
  const seen = await ada.call(two.url, "/orders");
  check(seen.status === 200 && seen.node === "node 2", "signed in on node 1; node 2 knows the session");

  const answered = await Promise.all(Array.from({ length: 30 }, () => ada.copy().call(cluster.url, "/orders")));
  const names = new Set(answered.map(({ node }) => node));
  check(
    names.size === 3 && answered.every(({ status }) => status === 200),
    "30 calls through nginx: all three answer, all with 200",
  );

  const stolen = ada.copy();
  const sessions = await ada.call(three.url, "/api/auth/v1/sessions");
  const [session] = sessions.json["sessions"] as readonly { readonly id: string }[];
  const revoked = await ada.call(three.url, `/api/auth/v1/sessions/${session?.id}`, undefined, "DELETE");
  const after = await Promise.all([one, two, three].map((node) => stolen.copy().call(node.url, "/orders")));
  check(
    revoked.status < 300 && after.every(({ status }) => status === 401),
    "revoked on node 3: refused by every node on the very next call",
  );

  const bob = await signIn("bob@example.com");
  const load = statuses(bob, 200);
  await two.kill();
  check(
    every(await load, 200) && every(await statuses(bob, 100), 200),
    "node 2 killed under load: 300 calls, none lost",
  );

  const redis = new Redis(cluster.redis.url);
  await redis.flushall();
  redis.disconnect();
  check(every(await statuses(bob, 50), 200), "Redis flushed: whoever was signed in still is");
  check(every(await statuses(stolen, 50), 401), "  and the revoked session is accepted 0 times out of 50");

  await cluster.redis.kill();
  const since = performance.now();
  check(
    every(await statuses(bob, 50), 200),
    `Redis killed: 50 calls answered in ${Math.round(performance.now() - since)} ms`,
  );
  check(every(await statuses(stolen, 50), 401), "  and the revoked session is accepted 0 times out of 50");
  const carol = await signIn("carol@example.com");
  check(every(await statuses(carol, 10), 200), "  and people still sign in: limits are counted in PostgreSQL now");
  return holds;
}
