import { addedCpuOf, cpuOf, type HttpCandidate, loadInterleaved, openHost, rateOf, rateRatio } from "../http/hosted.ts";
import { httpRequest, type Load } from "../http/load.ts";
import { check } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import { createSigningKey, type SignedToken, signToken, signTokens, spoil } from "../tokens.ts";

const key = createSigningKey();
const jwks = { keys: [key.publicJwk] };
const subject = "01890a5d-ac96-774b-bcce-b302099a8057";

/** An API that checks tokens offline, in Express 5: one token again and again, and every token new. */
export const requireAccessTokenBench: Bench = {
  name: "require-access-token",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hosts = await Promise.all([
      openHost("bare"),
      openHost("segno-api", { jwks }),
      openHost("auth0-api", { jwks }),
    ]);
    const [bare, ours, auth0] = hosts;
    const requests = smoke ? 50 : 1_500;
    const one = signToken(key);
    const batch = freshBatch(requests);
    await refusesBadTokens([ours, auth0], one);
    const figures = await loadInterleaved(
      [
        { name: "bare", host: bare, load: () => asking([one.text], "nobody") },
        { name: "repeated", host: ours, load: () => asking([one.text], subject) },
        { name: "cold", host: ours, load: (round) => asking(batch(round), subject) },
        { name: "auth0", host: auth0, load: (round) => asking(batch(round), subject) },
      ] satisfies HttpCandidate[],
      { rounds: smoke ? 1 : 11, requests, warmup: smoke ? 0 : 3 },
    );
    await Promise.all(hosts.map((host) => host.stop()));
    const bareCpu = cpuOf(figures, "bare");
    const added = (name: string) => ({
      unit: "us CPU",
      ours: cpuOf(figures, name),
      reference: bareCpu,
      ratio: addedCpuOf(figures, name, "bare"),
    });
    return [
      row({
        name: "require-access-token-repeated-cpu",
        ...added("repeated"),
        atMost: 5,
        note: "ratio: microseconds of CPU added to bare Express",
      }),
      row({
        name: "require-access-token-repeated-rate",
        unit: "requests/s",
        ours: rateOf(figures, "repeated"),
        reference: rateOf(figures, "bare"),
        ratio: rateRatio(figures, "repeated", "bare"),
        atLeast: 0.8,
      }),
      row({ name: "require-access-token-cold-cpu", ...added("cold"), atMost: 80 }),
      row({
        name: "require-access-token-auth0-cpu",
        ...added("auth0"),
        note: "express-oauth2-jwt-bearer; it keeps no verified tokens",
      }),
    ];
  },
};

function asking(tokens: readonly string[], expected: string): Omit<Load, "port" | "requests" | "lanes"> {
  return {
    next: (_lane, index) =>
      httpRequest({ path: "/orders", headers: { Authorization: `Bearer ${tokens[index % tokens.length] ?? ""}` } }),
    check: (status, body) => check(status === 200 && body.includes(`"for":"${expected}"`), `${status} ${body}`),
  };
}

/** One batch a round, the same for every candidate. */
function freshBatch(count: number): (round: number) => readonly string[] {
  let current = -1;
  let tokens: readonly string[] = [];
  return (round) => {
    if (round !== current) tokens = signTokens(key, count).map(({ text }) => text);
    current = round;
    return tokens;
  };
}

async function refusesBadTokens(hosts: readonly { port: number }[], good: SignedToken): Promise<void> {
  for (const { port } of hosts) {
    const headers = { authorization: `Bearer ${spoil(good).text}` };
    const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers });
    check(response.status === 401, `a spoiled token got ${response.status}`);
  }
}
