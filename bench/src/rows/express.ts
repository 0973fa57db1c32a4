import { machineFactor } from "../calibrate.ts";
import {
  addedCpuOf,
  cpuOf,
  type HttpCandidate,
  type HttpFigures,
  loadInterleaved,
  openHost,
  rateOf,
  rateRatio,
  warmRounds,
} from "../http/hosted.ts";
import { httpRequest, type Load } from "../http/load.ts";
import { check, median } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import { createSigningKey, type SignedToken, signStatusList, signToken, signTokens, spoil } from "../tokens.ts";

type Answers = Omit<Load, "port" | "requests" | "lanes">;
type Figures = ReadonlyMap<string, HttpFigures>;

/** Microseconds of CPU over bare Express, judged at the speed the budgets were set at. */
export function addedCpuRow(
  figures: Figures,
  input: { name: string; candidate: string; atMost?: number; factors: readonly number[] },
): Row {
  const added = addedCpuOf(figures, input.candidate, "bare");
  const factor = median(input.factors);
  return row({
    name: input.name,
    unit: "us CPU",
    ours: cpuOf(figures, input.candidate),
    reference: cpuOf(figures, "bare"),
    ratio: added / factor,
    ...(input.atMost === undefined ? {} : { atMost: input.atMost }),
    note: `adds ${added.toFixed(1)} us here; machine factor ${factor.toFixed(2)}`,
  });
}

function rateRow(figures: Figures, input: { name: string; candidate: string; atLeast: number }): Row {
  return row({
    name: input.name,
    unit: "requests/s",
    ours: rateOf(figures, input.candidate),
    reference: rateOf(figures, "bare"),
    ratio: rateRatio(figures, input.candidate, "bare"),
    atLeast: input.atLeast,
  });
}

/** `GET /orders` with these headers, one after the other. */
function orders(headers: readonly Readonly<Record<string, string>>[], expected: string): Answers {
  const requests = headers.map((each) => httpRequest({ path: "/orders", headers: each }));
  return {
    next: (_lane, index) => requests[index % requests.length] ?? "",
    check: (status, body) => check(status === 200 && body.includes(`"for":"${expected}"`), `${status} ${body}`),
  };
}

const bearers = (tokens: readonly string[]) => tokens.map((token) => ({ Authorization: `Bearer ${token}` }));

/** Both factors around the run, so that a drifting machine is noticed. */
async function withFactors<Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; factors: readonly number[] }> {
  const before = machineFactor();
  const result = await work();
  return { result, factors: [before, machineFactor()] };
}

/** An API that checks tokens offline. */
export const requireAccessTokenBench: Bench = {
  name: "require-access-token",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const key = createSigningKey();
    const jwks = { keys: [key.publicJwk] };
    const subject = "01890a5d-ac96-774b-bcce-b302099a8057";
    const hosts = await Promise.all([
      openHost("bare"),
      openHost("segno-api", { jwks, list: signStatusList(key) }),
      openHost("auth0-api", { jwks }),
    ]);
    const [bare, ours, auth0] = hosts;
    const requests = smoke ? 50 : 1_200;
    const one = signToken(key);
    const fresh = oncePerRound(async () => signTokens(key, requests).map(({ text }) => text));
    await refusesBadTokens([ours, auth0], one);
    const { result: figures, factors } = await withFactors(() =>
      loadInterleaved(
        [
          { name: "bare", host: bare, load: () => orders(bearers([one.text]), "nobody") },
          { name: "repeated", host: ours, load: () => orders(bearers([one.text]), subject) },
          { name: "cold", host: ours, load: async (round) => orders(bearers(await fresh(round)), subject) },
          { name: "auth0", host: auth0, load: async (round) => orders(bearers(await fresh(round)), subject) },
        ] satisfies HttpCandidate[],
        { rounds: smoke ? 1 : 11, requests, warmup: smoke ? 0 : warmRounds },
      ),
    );
    await Promise.all(hosts.map((host) => host.stop()));
    return [
      addedCpuRow(figures, { name: "require-access-token-repeated-cpu", candidate: "repeated", atMost: 5, factors }),
      rateRow(figures, { name: "require-access-token-repeated-rate", candidate: "repeated", atLeast: 0.8 }),
      addedCpuRow(figures, { name: "require-access-token-cold-cpu", candidate: "cold", atMost: 80, factors }),
      addedCpuRow(figures, { name: "require-access-token-auth0-cpu", candidate: "auth0", factors }),
    ];
  },
};

/** The engine in the same process: bearer tokens and the session cookie through `requireAuth`. */
export const requireAuthBench: Bench = {
  name: "require-auth",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    // no row here commits: a store that skips the flush makes the fresh tokens sooner
    const hosts = await Promise.all([openHost("bare"), openHost("segno-app", { durability: "normal" })]);
    const [bare, ours] = hosts;
    const facts = ours.facts as { accessToken: string; subject: string };
    const requests = smoke ? 50 : 1_200;
    const coldRequests = smoke ? 20 : 300;
    const fresh = oncePerRound(async () => (await ours.prepare(coldRequests)) as string[]);
    await refusesBearer(ours, `${facts.accessToken.slice(0, -8)}AAAAAAAA`);
    const { result: figures, factors } = await withFactors(() =>
      loadInterleaved(
        [
          { name: "bare", host: bare, load: () => orders(bearers([facts.accessToken]), "nobody") },
          { name: "repeated", host: ours, load: () => orders(bearers([facts.accessToken]), facts.subject) },
          {
            name: "cold",
            host: ours,
            requests: coldRequests,
            load: async (round) => orders(bearers(await fresh(round)), facts.subject),
          },
        ] satisfies HttpCandidate[],
        { rounds: smoke ? 1 : 11, requests, warmup: smoke ? 0 : warmRounds },
      ),
    );
    await Promise.all(hosts.map((host) => host.stop()));
    return [
      addedCpuRow(figures, { name: "require-auth-repeated-cpu", candidate: "repeated", atMost: 5, factors }),
      rateRow(figures, { name: "require-auth-repeated-rate", candidate: "repeated", atLeast: 0.8 }),
      addedCpuRow(figures, { name: "require-auth-cold-cpu", candidate: "cold", atMost: 80, factors }),
    ];
  },
};

export const sessionCookieBench: Bench = {
  name: "session-cookie",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hosts = await Promise.all([openHost("bare"), openHost("segno-app"), openHost("better-auth")]);
    const [bare, ours, peer] = hosts;
    const facts = ours.facts as { cookie: string; subject: string };
    const peerFacts = peer.facts as { cookie: string; subject: string };
    await refusesCookies([
      { port: ours.port, cookie: `${facts.cookie.slice(0, -4)}AAAA` },
      { port: peer.port, cookie: peerFacts.cookie.replace("=", "=x") },
    ]);
    const requests = smoke ? 50 : 1_200;
    const { result: figures, factors } = await withFactors(() =>
      loadInterleaved(
        [
          { name: "bare", host: bare, load: () => orders([{ Cookie: facts.cookie }], "nobody") },
          { name: "ours", host: ours, load: () => orders([{ Cookie: facts.cookie }], facts.subject) },
          { name: "better-auth", host: peer, load: () => orders([{ Cookie: peerFacts.cookie }], peerFacts.subject) },
        ] satisfies HttpCandidate[],
        { rounds: smoke ? 1 : 11, requests, warmup: smoke ? 0 : warmRounds },
      ),
    );
    await Promise.all(hosts.map((host) => host.stop()));
    const oursAdded = addedCpuOf(figures, "ours", "bare");
    const peerAdded = addedCpuOf(figures, "better-auth", "bare");
    return [
      addedCpuRow(figures, { name: "session-cookie-cpu", candidate: "ours", atMost: 20, factors }),
      rateRow(figures, { name: "session-cookie-rate", candidate: "ours", atLeast: 0.65 }),
      row({
        name: "session-cookie-vs-better-auth",
        unit: "us CPU added",
        ours: oursAdded,
        reference: peerAdded,
        ratio: peerAdded / oursAdded,
        atLeast: 7,
      }),
    ];
  },
};

/** What a page asks once: who is signed in. */
export const sessionHttpBench: Bench = {
  name: "session-http",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hosts = await Promise.all([openHost("segno-app"), openHost("better-auth")]);
    const load = ({ facts }: (typeof hosts)[number]): Answers => {
      const { path, cookie, subject } = facts as { path: string; cookie: string; subject: string };
      const request = httpRequest({ path, headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin" } });
      return {
        next: () => request,
        check: (status, body) => check(status === 200 && body.includes(subject), `${status} ${body}`),
      };
    };
    const { result: figures, factors } = await withFactors(() =>
      loadInterleaved(
        [
          { name: "ours", host: hosts[0], load: () => load(hosts[0]) },
          { name: "better-auth", host: hosts[1], load: () => load(hosts[1]) },
        ] satisfies HttpCandidate[],
        { rounds: smoke ? 1 : 11, requests: smoke ? 50 : 1_000, warmup: smoke ? 0 : warmRounds },
      ),
    );
    await Promise.all(hosts.map((host) => host.stop()));
    const factor = median(factors);
    const ours = cpuOf(figures, "ours");
    const peer = cpuOf(figures, "better-auth");
    const note = `${ours.toFixed(0)} us here; machine factor ${factor.toFixed(2)}`;
    return [
      row({ name: "session-http-cpu", unit: "us CPU", ours, reference: 70, ratio: ours / factor, atMost: 70, note }),
      row({ name: "session-http-vs-better-auth", unit: "us CPU", ours, reference: peer, ratio: peer / ours }),
    ];
  },
};

function oncePerRound(make: () => Promise<readonly string[]>): (round: number) => Promise<readonly string[]> {
  let current = -1;
  let tokens: readonly string[] = [];
  return async (round) => {
    if (round !== current) tokens = await make();
    current = round;
    return tokens;
  };
}

async function refusesBadTokens(hosts: readonly { port: number }[], good: SignedToken): Promise<void> {
  for (const host of hosts) await refusesBearer(host, spoil(good).text);
}

async function refusesBearer({ port }: { port: number }, token: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers: { authorization: `Bearer ${token}` } });
  check(response.status === 401, `a spoiled token got ${response.status}`);
}

async function refusesCookies(cases: readonly { port: number; cookie: string }[]): Promise<void> {
  for (const { port, cookie } of cases) {
    const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers: { cookie } });
    check(response.status === 401, `a spoiled cookie got ${response.status}`);
  }
}
