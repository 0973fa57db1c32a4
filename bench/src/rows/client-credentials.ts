import { createPrivateKey, type JsonWebKey, randomUUID, sign } from "node:crypto";
import { cpuOf, type Host, type HttpCandidate, loadInterleaved, openHost } from "../http/hosted.ts";
import { httpRequest, type Load } from "../http/load.ts";
import { check } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import { keyService, serviceAuthorization } from "../servers/services.ts";

type Answers = Omit<Load, "port" | "requests" | "lanes">;
const lanes = 8;
const form = { "Content-Type": "application/x-www-form-urlencoded" };
const grant = "grant_type=client_credentials&scope=orders%3Aread";

function checkAnswer(status: number, body: string): void {
  check(status === 200, `${status} ${body}`);
  const { access_token } = JSON.parse(body) as { access_token: string };
  check(access_token.split(".").length === 3, "no JWT access token");
}

/** The same request again and again: both check a secret and sign a token. */
function bySecret({ facts }: Host): Answers {
  const headers = { ...form, Authorization: serviceAuthorization };
  const request = httpRequest({ method: "POST", path: String(facts["tokenPath"]), headers, body: grant });
  return { next: () => request, check: checkAnswer };
}

/** An assertion of its own for each request: both check a signature, remember the use and sign a token. */
function byKey({ facts }: Host): Answers {
  const key = createPrivateKey({ key: facts["serviceKey"] as JsonWebKey, format: "jwk" });
  const header = Buffer.from(JSON.stringify({ alg: "ES256", kid: keyService.kid })).toString("base64url");
  const type = encodeURIComponent("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  const { id } = keyService;
  return {
    next() {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { iss: id, sub: id, aud: facts["issuer"], jti: randomUUID(), iat, exp: iat + 60 };
      const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
      const signature = sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
      const body = `${grant}&client_assertion_type=${type}&client_assertion=${input}.${signature}`;
      return httpRequest({ method: "POST", path: String(facts["tokenPath"]), headers: form, body });
    },
    check: checkAnswer,
  };
}

/**
 * CPU of one token for a service. The peer writes nothing down, so the judged row is ours with its event in the database
 * but not synced to disk one by one; what a durable commit adds is shown, and what an assertion costs, whose use only
 * we write down.
 */
export const clientCredentialsBench: Bench = {
  name: "client-credentials",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const hosts = await Promise.all([
      openHost("segno-app", { durability: "normal" }),
      openHost("segno-app", { durability: "full" }),
      openHost("oidc-provider", { lanes: 1 }),
    ]);
    const [ours, durable, peer] = hosts;
    const rounds = { rounds: smoke ? 1 : 11, requests: smoke ? 40 : 1_000, lanes, warmup: smoke ? 0 : 2 };
    const rows: Row[] = [];
    for (const [name, load, budget] of [
      ["client-credentials", bySecret, { atMost: 0.7 }],
      ["client-credentials-key", byKey, {}],
    ] as const) {
      const figures = await loadInterleaved(
        [
          { name: "ours", host: ours, load: () => load(ours) },
          { name: "durable", host: durable, load: () => load(durable) },
          { name: "oidc-provider", host: peer, load: () => load(peer) },
        ] satisfies HttpCandidate[],
        rounds,
      );
      const reference = cpuOf(figures, "oidc-provider");
      const unit = "us CPU";
      rows.push(
        row({ name: `${name}-vs-oidc-provider`, unit, ours: cpuOf(figures, "ours"), reference, ...budget }),
        row({ name: `${name}-durable`, unit, ours: cpuOf(figures, "durable"), reference }),
      );
    }
    await Promise.all(hosts.map((host) => host.stop()));
    return rows;
  },
};
