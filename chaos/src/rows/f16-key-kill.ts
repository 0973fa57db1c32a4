import { createPrivateKey, sign } from "node:crypto";
import { type Answer, keepAlive, send, sleep } from "../http.ts";
import { type Inspector, inspectPostgres } from "../inspect.ts";
import type { ClockOptions } from "../nodes/clock.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { createDatabase } from "../peers/peers.ts";
import { claimsOf, grant, signUpFirst, useToken } from "../people.ts";
import { type ChaosRow, type Figure, figure } from "../report.ts";

/** Seconds that pass in one. */
const speed = 40;
/** A poll and its answer take a while, and a while is long at this speed. */
const slackSeconds = 30;
/** Other nodes look their keys up once a minute, and so do verifiers. */
const nodeBound = 60;
const verifierBound = 120;
/** `max-age` and `stale-while-revalidate` of the key set come on top behind a cache. */
const cacheSeconds = 600;
const cachedBound = 720;

interface Place {
  readonly what: string;
  readonly bound: number;
  /** The answer to a token: accepted or not. */
  readonly answers: (token: string) => Promise<Answer>;
}

export const keyKill: ChaosRow = {
  name: "F16",
  what: "a signing key is stolen, and killed while the thief goes on forging tokens of a session that lives",
  compressed: `clocks run ${speed} times as fast; figures are seconds of those clocks`,
  breaks: "the kill: the key is rotated away instead",
  async run(options) {
    const url = await createDatabase(await options.peers.postgres());
    const clock: ClockOptions = { sinceMs: Date.now(), speed };
    const engine = { database: { kind: "postgres", url, max: 4 }, clock, custody: { kind: "open" } };
    const nodes = await Promise.all(Array.from({ length: 3 }, () => forkNode("engine", engine)));
    // how old a list of revocations is does not matter here, and must not: this session is not revoked
    const patient = { clock, maxAgeSeconds: 200, maxStaleSeconds: 3_600, issuerPort: nodes[1]?.port ?? 0 };
    const verifiers = await Promise.all(Array.from({ length: 3 }, () => forkNode("api", patient)));
    const cached = await forkNode("api", { ...patient, keySetCacheSeconds: cacheSeconds });
    const agent = keepAlive();
    const atNode = (node: ForkedNode) => async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return await send({ port: node.port, path: "/api/auth/v1/sessions", headers, agent });
    };
    const atApi = (api: ForkedNode) => (token: string) => useToken({ port: api.port, agent }, token);
    const places: readonly Place[] = [
      ...nodes.map((node, index) => ({
        what: index === 0 ? "the node that was told" : `node ${index + 1}`,
        bound: index === 0 ? 0 : nodeBound,
        answers: atNode(node),
      })),
      ...verifiers.map((api, index) => ({ what: `verifier ${index + 1}`, bound: verifierBound, answers: atApi(api) })),
      { what: "the verifier behind a cache of 600 s", bound: cachedBound, answers: atApi(cached) },
    ];
    const port = () => nodes[0]?.port ?? 0;
    const before = await grant(await signUpFirst(port));
    const inspector = inspectPostgres(url);
    const stolen = await steal(inspector);
    for (const { answers } of places) {
      if ((await answers(forge(before.accessToken, stolen, clock))).status !== 200)
        throw new Error("a forged token is not worth a kill");
    }

    if (options.isBroken) await nodes[0]?.ask("rotate", { atOnce: true });
    else await nodes[0]?.ask("compromise", { kid: stolen.kid, sinceMs: clock.sinceMs });
    const killedAtMs = nowMs(clock);
    // a session that began after the kill, so that nothing but the key can give the forgery away
    let turn = 0;
    const person = await signUpFirst(() => nodes[turn % nodes.length]?.port ?? 0);
    const after = await grant(person);
    // a node looks its keys up when it signs, and by a timer each minute: that one runs in real time
    const fresh = async () => {
      turn += 1;
      const answer = await person.browser
        .call<{ accessToken?: string }>("/v1/session/token", {})
        .catch(() => undefined);
      return answer?.body.accessToken;
    };
    const lastAccepted = places.map(() => 0);
    let refusedValid = 0;
    let stillSigned = 0;
    let used = 0;
    const endMs = killedAtMs + (options.isSmoke ? verifierBound + 60 : cachedBound + 60) * 1_000;
    while (nowMs(clock) < endMs) {
      const forged = forge(after.accessToken, stolen, clock);
      const issued = await fresh();
      const isKilled = issued !== undefined && claimsOf(issued).kid === stolen.kid;
      if (isKilled) stillSigned = (nowMs(clock) - killedAtMs) / 1_000;
      const good = isKilled ? undefined : issued;
      await Promise.all(
        places.map(async ({ what, answers }, index) => {
          const sentAt = (nowMs(clock) - killedAtMs) / 1_000;
          if ((await answers(forged)).status === 200) lastAccepted[index] = Math.max(lastAccepted[index] ?? 0, sentAt);
          if (good === undefined) return;
          used += 1;
          const { status, text } = await answers(good);
          if (status === 200) return;
          refusedValid += 1;
          options.say(`${what} refused a good token: ${status} ${text}`);
        }),
      );
      await sleep(40);
    }
    const ended = await inspector.count("select count(*) from segno_sessions where revoked_reason = 'key_compromised'");
    await inspector.close();
    agent.destroy();
    await Promise.all([...nodes, ...verifiers, cached].map((node) => node.stop()));
    return [
      ...groups(places, lastAccepted, options.isSmoke),
      figure({
        row: "F16",
        what: "a node that was not told last signed with it after, s",
        figure: Math.round(stillSigned),
        atMost: nodeBound + slackSeconds,
      }),
      figure({
        row: "F16",
        what: `tokens of the new key refused meanwhile, of ${used}`,
        figure: refusedValid,
        atMost: 0,
      }),
      figure({ row: "F16", what: "sessions ended that were used while the key was out", figure: ended, atLeast: 1 }),
    ];
  },
};

function groups(places: readonly Place[], lastAccepted: readonly number[], isSmoke: boolean): readonly Figure[] {
  const worst = new Map<number, { what: string[]; seconds: number }>();
  for (const [index, { what, bound }] of places.entries()) {
    const group = worst.get(bound) ?? { what: [], seconds: 0 };
    group.what.push(what);
    group.seconds = Math.max(group.seconds, lastAccepted[index] ?? 0);
    worst.set(bound, group);
  }
  return [...worst]
    .filter(([bound]) => !(isSmoke && bound === cachedBound))
    .map(([bound, { what, seconds }]) =>
      figure({
        row: "F16",
        what: `a forged token was last accepted by ${what.join(", ")} after, s`,
        figure: Math.round(seconds),
        atMost: bound === 0 ? 0 : bound + slackSeconds,
      }),
    );
}

const nowMs = (clock: ClockOptions): number => Date.now() + (Date.now() - clock.sinceMs) * (speed - 1);

interface StolenKey {
  readonly kid: string;
  readonly pkcs8: Buffer;
}

/** The custody of these nodes wraps nothing, so the database holds the key as it is. */
async function steal(inspector: Inspector): Promise<StolenKey> {
  const [row] = await inspector.rows<{ kid: string; private_sealed: string }>(
    "select kid, private_sealed from segno_keys where state = 'signing' and purpose = 'access_token'",
  );
  if (row === undefined) throw new Error("no key signs");
  return { kid: row.kid, pkcs8: Buffer.from(row.private_sealed, "base64") };
}

/** The same claims, valid for as long as the thief likes. */
function forge(token: string, { kid, pkcs8 }: StolenKey, clock: ClockOptions): string {
  const [head = "", payload = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  const iat = Math.floor(nowMs(clock) / 1_000);
  const claims = { ...(JSON.parse(payload) as object), iat, exp: iat + 300, jti: `forged-${iat}` };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ ...(JSON.parse(head) as object), kid })}.${encode(claims)}`;
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}
