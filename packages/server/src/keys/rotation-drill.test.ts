import { type AccessTokenVerifier, createAccessTokenVerifier, createRemoteKeySet, isSegnoError } from "@segno/core";
import { expect, it } from "vitest";
import { describeNodes } from "../../test/describe-nodes.js";
import { addSession, keyApi, type Node, origin } from "../../test/engine-kit.js";
import { issueTokens } from "../tokens/index.js";
import { jwksMaxAgeSeconds, jwksStaleSeconds, leastPublishSeconds } from "./overlap.js";

const jwksUrl = `${origin}/.well-known/jwks.json`;

interface Answer {
  readonly body: string;
  readonly etag: string;
  readonly atMs: number;
}

/** A cache on the way that keeps an answer as long as its headers allow at all, and swears that nothing changed. */
function lyingCache(nodes: readonly Node[], nowMs: () => number) {
  let kept: Answer | undefined;
  let asked = 0;
  return async (_url: string, init: { readonly headers: Record<string, string> }): Promise<Response> => {
    if (kept === undefined || nowMs() - kept.atMs >= (jwksMaxAgeSeconds + jwksStaleSeconds) * 1000) {
      asked += 1;
      const node = nodes[asked % nodes.length];
      const response = await node?.handler(new Request(jwksUrl));
      if (response === undefined) throw new Error("no node");
      kept = { body: await response.text(), etag: response.headers.get("etag") ?? "", atMs: nowMs() };
    }
    if (init.headers["if-none-match"] === kept.etag) return new Response(null, { status: 304 });
    return new Response(kept.body, { headers: { etag: kept.etag } });
  };
}

function verifierOf(
  fetch: (url: string, init: { readonly headers: Record<string, string> }) => Promise<Response>,
  nowMs: () => number,
): AccessTokenVerifier {
  const clock = { nowMs };
  return createAccessTokenVerifier({
    issuer: origin,
    audience: origin,
    keys: createRemoteKeySet({ url: jwksUrl, fetch, clock }),
    clock,
    clockToleranceSeconds: 60,
  });
}

interface Drill {
  readonly rotations: number;
  readonly checks: number;
  /** What was said of refused tokens, and how often. */
  readonly failures: ReadonlyMap<string, number>;
}

interface Held {
  readonly token: string;
  readonly issuedAtMs: number;
}

/**
 * 200 checks a second for three rotations. Two nodes issue. Two verifiers sit behind lying caches, one 90 s behind the
 * issuer's clock and one 90 s ahead, and forgive 60 s; a third asks the issuer itself. Each gets the tokens that its clock
 * can take at all: nobody accepts what is issued in its future.
 */
async function drill(nodes: readonly Node[], rotate?: (second: number) => Promise<void>): Promise<Drill> {
  const [node] = nodes;
  if (node === undefined) throw new Error("no node");
  const { clock } = node;
  const direct = async (url: string, init: { readonly headers: Record<string, string> }) =>
    await node.handler(new Request(url, { headers: { ...init.headers, "segno-verifier": "direct" } }));
  const of = (minAgeMs: number, maxAgeMs: number, verifier: AccessTokenVerifier) => ({ minAgeMs, maxAgeMs, verifier });
  const verifiers = [
    of(
      30_000,
      299_000,
      verifierOf(lyingCache(nodes, clock.nowMs), () => clock.nowMs() - 90_000),
    ),
    of(
      0,
      269_000,
      verifierOf(lyingCache(nodes, clock.nowMs), () => clock.nowMs() + 90_000),
    ),
    of(0, 299_000, verifierOf(direct, clock.nowMs)),
  ];
  const { session } = await addSession(node.engine);
  const held: Held[] = [];
  const failures = new Map<string, number>();
  const kids = new Set<string>();
  let checks = 0;
  for (let second = 0; kids.size < 4; second += 1) {
    if (second > 4 * 3_600) throw new Error("rotates no more");
    clock.advance({ seconds: 1 });
    if (second % 60 === 0) for (const each of nodes) await each.keyring.tick();
    await rotate?.(second);
    const on = nodes[second % nodes.length] ?? node;
    const issued = await on.engine.store.transaction((trx) =>
      issueTokens(on.engine, trx, { session, withRefresh: false }, { requestId: "drill" }),
    );
    kids.add(String(JSON.parse(atob(issued.accessToken.split(".")[0] ?? "")).kid));
    held.push({ token: issued.accessToken, issuedAtMs: clock.nowMs() });
    if (held.length > 300) held.shift();
    const fittingBy = verifiers.map(({ minAgeMs, maxAgeMs }) =>
      held.filter(({ issuedAtMs }) => {
        const ageMs = clock.nowMs() - issuedAtMs;
        return ageMs >= minAgeMs && ageMs <= maxAgeMs;
      }),
    );
    for (let check = 0; check < 200; check += 1) {
      const fitting = fittingBy[check % 3] ?? [];
      const { verifier } = verifiers[check % 3] ?? raise();
      // the newest each time, then any
      const picked = check < 3 ? fitting.at(-1) : fitting[(check * 7919 + second) % fitting.length];
      if (picked === undefined) continue;
      checks += 1;
      await verifier.verify(picked.token).catch((error: unknown) => {
        const said = isSegnoError(error) ? error.code : String(error);
        failures.set(said, (failures.get(said) ?? 0) + 1);
      });
    }
  }
  return { rotations: kids.size - 1, checks, failures };
}

function raise(): never {
  throw new Error("no verifier");
}

/** What a key manager without a published spare does: it makes a key and signs with it. */
async function rotateUnpublished(node: Node): Promise<void> {
  const spare = (await keyApi(node).status()).keys.find((key) => key.state === "published");
  await keyApi(node).retire(spare?.kid ?? "");
  await keyApi(node).rotate({ atOnce: true });
}

describeNodes("rotation", (nodes) => {
  const { open } = nodes;

  it("exactly one of ten nodes rotates, each time, and one by hand at the same moment makes no second one", async () => {
    const first = await open();
    const nodes = [first];
    while (nodes.length < 10) nodes.push(await open({ clock: first.clock }));
    const rotated: string[] = [];
    first.events.on("key.rotated", ({ data }) => void rotated.push(`${data.previousKid} -> ${data.kid}`));
    for (let turn = 1; turn <= 3; turn += 1) {
      first.clock.advance({ days: 31 });
      const byHand = turn === 3 ? [keyApi(first).rotate(), keyApi(nodes[1] ?? first).rotate()] : [];
      await Promise.allSettled([...nodes.map((node) => node.keyring.tick()), ...byHand]);
      await first.events.drain();
      expect(rotated).toHaveLength(turn);
      const { keys } = await keyApi(first).status();
      expect(keys.filter((key) => key.state === "signing")).toHaveLength(1);
      expect(keys.filter((key) => key.state === "published")).toHaveLength(1);
    }
  });

  // the drill asks the store little: one kind is enough for it
  if (nodes.kind !== "sqlite memory") return;
  const keys = { publishSeconds: leastPublishSeconds, signingSeconds: leastPublishSeconds };

  it("R089: three rotations under 200 checks a second, lying caches, clocks off by 90 s: nothing is refused", {
    timeout: 240_000,
  }, async () => {
    const first = await open({ keys });
    const result = await drill([first, await open({ keys, clock: first.clock })]);
    expect([...result.failures]).toEqual([]);
    expect(result.rotations).toBe(3);
    expect(result.checks).toBeGreaterThan(500_000);
  });

  it("R089: the same drill without publishing first refuses good tokens, so the drill can fail", {
    timeout: 240_000,
  }, async () => {
    const first = await open();
    const nodes = [first, await open({ clock: first.clock })];
    const result = await drill(nodes, async (second) => {
      if (second % 400 === 399) await rotateUnpublished(first);
    });
    expect(result.rotations).toBe(3);
    expect([...result.failures.keys()]).toEqual(["token_key_unknown"]);
    expect(result.failures.get("token_key_unknown")).toBeGreaterThan(1_000);
  });
});
