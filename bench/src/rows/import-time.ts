import { execFileSync } from "node:child_process";
import { median } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";

/** Programs that do the least a user would: wall time of a fresh process, from start to end. */
const programs = {
  bare: "",
  jose: 'const { jwtVerify, createRemoteJWKSet } = await import("jose"); if (!jwtVerify || !createRemoteJWKSet) process.exit(1);',
  verifier: `const { createAccessTokenVerifier, createRemoteKeySet } = await import("@segno/core");
    const keys = createRemoteKeySet({ url: "https://app.example.com/.well-known/jwks.json" });
    createAccessTokenVerifier({ issuer: "https://app.example.com", audience: "https://api.example.com", keys });`,
  engine: `const { createSegno } = await import("@segno/server");
    const { sqlite } = await import("@segno/server/storage/sql");
    const segno = createSegno({ baseUrl: "http://localhost:3000", secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
      database: sqlite(":memory:"), production: false });
    if (typeof segno.handler !== "function") process.exit(1);`,
  engineReady: `const { createSegno } = await import("@segno/server");
    const { sqlite } = await import("@segno/server/storage/sql");
    const segno = createSegno({ baseUrl: "http://localhost:3000", secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
      database: sqlite(":memory:"), production: false });
    await segno.ready(); process.exit(0);`,
  betterAuth: `const { betterAuth } = await import("better-auth"); const { DatabaseSync } = await import("node:sqlite");
    const auth = betterAuth({ baseURL: "http://localhost:3000", secret: "bench-bench-bench-bench-bench-bench-bench",
      database: new DatabaseSync(":memory:") });
    if (typeof auth.handler !== "function") process.exit(1);`,
} as const;

type Program = keyof typeof programs;

export const importTimeBench: Bench = {
  name: "import",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const names = Object.keys(programs) as Program[];
    const times = new Map(names.map((name) => [name, [] as number[]]));
    const rounds = smoke ? 1 : 15;
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(round + turn) % names.length] ?? "bare";
        times.get(name)?.push(runOnce(programs[name]));
      }
    }
    const took = (name: Program) => median(times.get(name) ?? []);
    const added = (name: Program, base: Program) =>
      median((times.get(name) ?? []).map((ms, round) => ms - (times.get(base)?.[round] ?? 0)));
    return [
      row({
        name: "import-verifier",
        unit: "ms",
        ours: took("verifier"),
        reference: took("jose"),
        ratio: added("verifier", "jose"),
        atMost: 10,
        note: "ratio: milliseconds over jose",
      }),
      row({
        name: "import-engine",
        unit: "ms",
        ours: took("engine"),
        reference: took("bare"),
        ratio: added("engine", "bare"),
        atMost: 80,
        note: "ratio: milliseconds over bare node",
      }),
      row({
        name: "import-engine-ready",
        unit: "ms",
        ours: took("engineReady"),
        reference: took("bare"),
        ratio: added("engineReady", "bare"),
        note: "database opened and migrated, first key made",
      }),
      row({
        name: "import-better-auth",
        unit: "ms",
        ours: took("betterAuth"),
        reference: took("bare"),
        ratio: added("betterAuth", "bare"),
      }),
    ];
  },
};

function runOnce(program: string): number {
  const started = performance.now();
  execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return performance.now() - started;
}
