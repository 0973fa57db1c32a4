import { cpuOf, type HttpCandidate, loadInterleaved, openHost, warmRounds } from "../http/hosted.ts";
import { httpRequest, type Load } from "../http/load.ts";
import { check, median } from "../measure.ts";
import { type Bench, type Row, row } from "../report.ts";

type Answers = Omit<Load, "port" | "requests" | "lanes">;

/** What it costs to look on: CPU of a request with telemetry over one without. */
export const telemetryBench: Bench = {
  name: "telemetry-overhead",
  async run({ smoke }): Promise<readonly Row[]> {
    const hosts = {
      off: await openHost("segno-app", { durability: "normal" }),
      figures: await openHost("segno-app", { durability: "normal", telemetry: "figures" }),
      spans: await openHost("segno-app", { durability: "normal", telemetry: "spans" }),
    };
    const session = ({ facts }: { readonly facts: object }): Answers => {
      const { path, cookie, subject } = facts as { path: string; cookie: string; subject: string };
      const request = httpRequest({ path, headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin" } });
      return {
        next: () => request,
        check: (status, body) => check(status === 200 && body.includes(subject), `${status} ${body}`),
      };
    };
    const token = ({ facts }: { readonly facts: object }): Answers => {
      const { cookie, issuer } = facts as { cookie: string; issuer: string };
      const request = httpRequest({
        method: "POST",
        path: "/api/auth/v1/session/token",
        headers: { Cookie: cookie, Origin: issuer, "Content-Type": "application/json" },
        body: "{}",
      });
      return {
        next: () => request,
        check: (status, body) => check(status === 200 && body.includes("accessToken"), `${status} ${body}`),
      };
    };
    const rows: Row[] = [];
    for (const [what, load, requests] of [
      ["session", session, 1_000],
      ["token", token, 400],
    ] as const) {
      const candidates = Object.entries(hosts).map(([name, host]) => ({ name, host, load: () => load(host) }));
      const figures = await loadInterleaved(candidates satisfies HttpCandidate[], {
        rounds: smoke ? 1 : 15,
        requests: smoke ? 50 : requests,
        warmup: smoke ? 0 : warmRounds,
      });
      const within = (name: string) => {
        const off = figures.get("off")?.cpuUs ?? [];
        return median((figures.get(name)?.cpuUs ?? []).map((value, round) => value / (off[round] ?? Number.NaN)));
      };
      for (const name of ["figures", "spans"]) {
        const [ours, reference] = [cpuOf(figures, name), cpuOf(figures, "off")];
        rows.push(
          row({
            name: `telemetry-overhead-${what}-${name}`,
            unit: "us CPU",
            ours,
            reference,
            ratio: within(name),
            ...(name === "figures" && what === "session" ? { atMost: 1.03 } : {}),
          }),
        );
      }
    }
    await Promise.all(Object.values(hosts).map((host) => host.stop()));
    return rows;
  },
};
