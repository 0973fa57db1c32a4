import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { pkcs11Custody } from "@segno/pkcs11";
import { silentLogger } from "@segno/server";
import { type KeyCustody, vaultRemote, vaultWrapped } from "@segno/server/custody";
import { loadEngineInternals } from "../engine-internals.ts";
import { check, inFlight } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import { accessTokenClaims } from "../tokens.ts";

interface VaultPeer {
  readonly address: string;
  readonly rootToken: string;
}

/** One candidate: how to open it, or why it cannot be measured here. */
interface Candidate {
  readonly name: string;
  readonly open: (() => Promise<KeyCustody>) | string;
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
  /** With eight under way at the same time. */
  readonly perSecond: number;
}

/** What a signature costs where the key is, beside one whose key was unwrapped into memory. Servers: `scripts/custody.mjs`. */
export const custodySignBench: Bench = {
  name: "custody-sign",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const items = smoke ? 20 : 2_000;
    const wrapped = await measure(undefined, items);
    const rows: Row[] = [];
    for (const { name, open } of candidates()) {
      if (typeof open === "string") {
        say(`${name}: skipped: ${open}`);
        continue;
      }
      const isWrapped = name.endsWith("-wrapped");
      const figures = await measure(await open(), items);
      const other = isWrapped ? "sealed locally" : "unwrapped";
      rows.push(
        row({
          name: `custody-sign-${name}`,
          unit: "us p50",
          ours: figures.p50,
          reference: wrapped.p50,
          note: `p99 ${shown(figures.p99)} us, ${shown(figures.perSecond)}/s with 8 in flight; ${other}: p99 ${shown(wrapped.p99)} us, ${shown(wrapped.perSecond)}/s`,
        }),
      );
    }
    if (rows.length === 0) say("skipped: run it as `node scripts/custody.mjs -- node bench/src/index.ts custody-sign`");
    return rows;
  },
};

function candidates(): readonly Candidate[] {
  const missing = (peer: string): string => `no ${peer} was started`;
  const vault = parsed<VaultPeer>("SEGNO_TEST_VAULT");
  const token = parsed<{ module: string; token: string; pin: string }>("SEGNO_TEST_PKCS11");
  return [
    { name: "vault-wrapped", open: vault === undefined ? missing("Vault") : () => openVault(vault, "wrapped") },
    { name: "vault-remote", open: vault === undefined ? missing("Vault") : () => openVault(vault, "remote") },
    {
      name: "pkcs11-remote",
      open: token === undefined ? missing("PKCS #11 token") : async () => pkcs11Custody(token),
    },
  ];
}

function parsed<Peer>(name: string): Peer | undefined {
  const text = process.env[name];
  return text === undefined ? undefined : (JSON.parse(text) as Peer);
}

async function openVault({ address, rootToken }: VaultPeer, mode: "wrapped" | "remote"): Promise<KeyCustody> {
  const mount = `bench-${mode}-${Math.random().toString(36).slice(2, 8)}`;
  const headers = { "X-Vault-Token": rootToken };
  for (const [path, body] of [
    [`sys/mounts/${mount}`, { type: "transit" }],
    [`${mount}/keys/segno`, {}],
  ] as const) {
    const response = await fetch(`${address}/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    check(response.ok, `Vault answered ${response.status}`);
  }
  const options = { address, mount, login: { method: "token", token: rootToken } } as const;
  return mode === "wrapped" ? vaultWrapped(options) : vaultRemote(options);
}

/** The keyring's own `sign` of an engine on this custody: what issuing a token waits for. */
async function measure(custody: KeyCustody | undefined, items: number): Promise<Latency> {
  const internals = await loadEngineInternals();
  const resolved = internals.resolveOptions(
    {
      baseUrl: "https://app.example.com",
      secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
      database: ":memory:",
      clientIp: { source: "socket" },
      logger: silentLogger,
      production: false,
      rateLimit: false,
      keys: { ...(custody === undefined ? {} : { custody }), custodyTimeoutSeconds: 30 },
    },
    {},
  );
  const running = await internals.compose(resolved);
  try {
    const claims = accessTokenClaims();
    const sign = () => running.keyring.sign({ typ: "at+jwt" }, claims);
    const { token } = await sign();
    const keys = createLocalJWKSet((await running.keyring.publicKeys()) as JSONWebKeySet);
    check((await jwtVerify(token, keys)).payload["jti"] === claims["jti"], "the token does not verify");
    for (let item = 0; item < items / 10; item += 1) await sign();
    const tookUs: number[] = [];
    for (let item = 0; item < items; item += 1) {
      const started = performance.now();
      await sign();
      tookUs.push((performance.now() - started) * 1_000);
    }
    const started = performance.now();
    await inFlight(items, 8, async () => void (await sign()));
    const perSecond = (items * 1_000) / (performance.now() - started);
    tookUs.sort((a, b) => a - b);
    const at = (share: number): number => tookUs[Math.min(Math.floor(items * share), items - 1)] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), perSecond };
  } finally {
    await running.stop();
  }
}

function shown(value: number): string {
  return value.toFixed(0);
}
