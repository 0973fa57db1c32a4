import {
  cpuOf,
  type Host,
  type HttpCandidate,
  loadInterleaved,
  openHost,
  rateOf,
  rateRatio,
  warmRounds,
} from "../http/hosted.ts";
import { httpRequest, type Load } from "../http/load.ts";
import { check } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";

type Answers = Omit<Load, "port" | "requests" | "lanes">;
const lanes = 8;
const form = { "Content-Type": "application/x-www-form-urlencoded" };

/** Each lane keeps refreshing its own family: ours durably on SQLite, oidc-provider's in memory. */
function refreshing(host: Host): Answers {
  const { tokenPath: path, refreshTokens } = host.facts as { tokenPath: string; refreshTokens: string[] };
  return {
    next(lane) {
      const body = `grant_type=refresh_token&client_id=segno&refresh_token=${refreshTokens[lane] ?? ""}`;
      return httpRequest({ method: "POST", path, headers: form, body });
    },
    check(status, body, lane) {
      check(status === 200, `${status} ${body}`);
      const answer = JSON.parse(body) as { access_token: string; refresh_token: string };
      check(answer.access_token.split(".").length === 3, "no access token");
      check(
        answer.refresh_token.length > 20 && answer.refresh_token !== refreshTokens[lane],
        "the refresh token did not rotate",
      );
      refreshTokens[lane] = answer.refresh_token;
    },
  };
}

export const refreshHttpBench: Bench = {
  name: "refresh-http",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hosts = await Promise.all([openHost("segno-app", { lanes }), openHost("oidc-provider", { lanes })]);
    const [ours, peer] = hosts;
    const figures = await loadInterleaved(
      [
        { name: "ours", host: ours, load: () => refreshing(ours) },
        { name: "oidc-provider", host: peer, load: () => refreshing(peer) },
      ] satisfies HttpCandidate[],
      { rounds: smoke ? 1 : 11, requests: smoke ? 40 : 400, lanes, warmup: smoke ? 0 : warmRounds },
    );
    await Promise.all(hosts.map((host) => host.stop()));
    return [
      row({
        name: "refresh-http-vs-oidc-provider",
        unit: "requests/s",
        ours: rateOf(figures, "ours"),
        reference: rateOf(figures, "oidc-provider"),
        ratio: rateRatio(figures, "ours", "oidc-provider"),
        atLeast: 1,
        note: `CPU a request: ${cpuOf(figures, "ours").toFixed(0)} us ours, durable; ${cpuOf(figures, "oidc-provider").toFixed(0)} us in memory`,
      }),
    ];
  },
};

export const introspectionBench: Bench = {
  name: "introspection",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hosts = await Promise.all([openHost("segno-app"), openHost("oidc-provider", { lanes: 1 })]);
    const [ours, peer] = hosts;
    const asking = (host: Host): Answers => {
      const facts = host.facts as { introspectionPath: string; authorization: string; accessToken: string };
      const headers = { ...form, Authorization: facts.authorization };
      const request = httpRequest({
        method: "POST",
        path: facts.introspectionPath,
        headers,
        body: `token=${facts.accessToken}`,
      });
      return {
        next: () => request,
        check: (status, body) => check(status === 200 && body.includes('"active":true'), `${status} ${body}`),
      };
    };
    const figures = await loadInterleaved(
      [
        { name: "ours", host: ours, load: () => asking(ours) },
        { name: "oidc-provider", host: peer, load: () => asking(peer) },
      ] satisfies HttpCandidate[],
      { rounds: smoke ? 1 : 11, requests: smoke ? 40 : 1_000, lanes, warmup: smoke ? 0 : warmRounds },
    );
    await Promise.all(hosts.map((host) => host.stop()));
    const [oursCpu, peerCpu] = [cpuOf(figures, "ours"), cpuOf(figures, "oidc-provider")];
    return [
      row({ name: "introspection-vs-oidc-provider", unit: "us CPU", ours: oursCpu, reference: peerCpu, atMost: 0.6 }),
    ];
  },
};
