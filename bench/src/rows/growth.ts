import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { silentLogger } from "@segno/server";
import { loadEngineInternals } from "../engine-internals.ts";
import { check, interleave, medianOf, speedRatio } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";

type Internals = Awaited<ReturnType<typeof loadEngineInternals>>;
type Running = Awaited<ReturnType<Internals["compose"]>>;

/** Sessions and families whose tokens are known, spread evenly over the table. */
const probes = 400;
const origin = "https://app.example.com";

/** The same engine over a thousand and over a million users, each with an address, a session and a refresh family. */
export const growthBench: Bench = {
  name: "growth",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const internals = await loadEngineInternals();
    const folder = mkdtempSync(join(tmpdir(), "bench-growth-"));
    const large = smoke ? 5_000 : 1_000_000;
    const small = await openFilled(internals, join(folder, "small.db"), 1_000);
    const started = performance.now();
    const big = await openFilled(internals, join(folder, "big.db"), large);
    say(`${large} users written in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    const rounds = { rounds: smoke ? 1 : 21, warmup: smoke ? 0 : 2 };
    const session = await interleave([checking("small", small), checking("big", big)], { ...rounds, items: probes });
    const token = await interleave([issuing("small", small), issuing("big", big)], { ...rounds, items: 40 });
    await Promise.all([small.stop(), big.stop()]);
    rmSync(folder, { recursive: true, force: true });
    const grown = (timings: Awaited<ReturnType<typeof interleave>>) => ({
      unit: "us",
      ours: medianOf(timings, "big"),
      reference: medianOf(timings, "small"),
      ratio: 1 / speedRatio(timings, "big", "small"),
      atMost: 1.3,
    });
    return [row({ name: "growth-session", ...grown(session) }), row({ name: "growth-token", ...grown(token) })];
  },
};

/** Session checks by cookie, in an order that no page cache loves. */
function checking(name: string, running: Running) {
  return {
    name,
    async run() {
      for (let probe = 0; probe < probes; probe += 1) {
        const cookie = `__Host-segno.sid=${tokenOf("session", (probe * 7_919) % probes)}`;
        const state = await running.authenticate({ headers: { cookie } });
        check(state.status === "authenticated", `probe ${probe} is ${state.status}`);
      }
    },
  };
}

/** Access tokens issued by cookie session, through the route. */
function issuing(name: string, running: Running) {
  let next = 0;
  return {
    name,
    async run() {
      for (let item = 0; item < 40; item += 1) {
        next = (next + 7_919) % probes;
        const headers = {
          cookie: `__Host-segno.sid=${tokenOf("session", next)}`,
          origin,
          "content-type": "application/json",
        };
        const request = new Request(`${origin}/api/auth/v1/session/token`, { method: "POST", headers, body: "{}" });
        const response = await running.handler(request, { remoteAddress: "203.0.113.1" });
        check(response.status === 200, `token answered ${response.status}`);
        await response.arrayBuffer();
      }
    },
  };
}

async function openFilled(internals: Internals, file: string, users: number): Promise<Running> {
  const resolve = () =>
    internals.resolveOptions(
      {
        baseUrl: origin,
        secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
        database: file,
        clientIp: { source: "socket" },
        logger: silentLogger,
        production: false,
        rateLimit: false,
      },
      {},
    );
  const first = await internals.compose(resolve());
  await first.stop();
  fill(file, users);
  return await internals.compose(resolve());
}

/** Written past the engine, in one transaction that need not survive: only the shape and size of the tables count. */
function fill(file: string, users: number): void {
  const database = new DatabaseSync(file);
  database.exec(
    "pragma synchronous = off; pragma foreign_keys = off; pragma cache_size = -400000; pragma temp_store = memory",
  );
  database.function("probe_hash", { deterministic: true }, (index) => hashOf(tokenOf("session", Number(index))));
  const now = Date.now();
  const rows = `with recursive n(i) as (select 0 union all select i + 1 from n where i < ${users - 1})`;
  const id = (kind: string) => `printf('${kind}-%012d', i)`;
  const stride = Math.floor(users / probes);
  const hash = `case when i % ${stride} = 0 and i / ${stride} < ${probes} then probe_hash(i / ${stride}) else hex(randomblob(21)) end`;
  database.exec("begin");
  database.exec(`${rows} insert into segno_users (id, status, display_name, user_handle, created_at, updated_at)
    select ${id("user")}, 'active', 'Person ' || i, hex(randomblob(32)), ${now}, ${now} from n`);
  database.exec(`${rows} insert into segno_identifiers (id, user_id, kind, value, verified_at, created_at)
    select ${id("mail")}, ${id("user")}, 'email', 'person' || i || '@example.com', ${now}, ${now} from n`);
  database.exec(`${rows} insert into segno_sessions (id, token_hash, user_id, client_id, device_name, acr, amr, auth_time, created_at,
      last_seen_at, idle_expires_at, absolute_expires_at, revoked_at, revoked_reason, status_index)
    select ${id("sess")}, ${hash}, ${id("user")}, 'segno', 'Chrome on macOS', 'phr', '["swk","user","mfa"]', ${now}, ${now},
      ${now + 86_400_000}, ${now + 864_000_000}, ${now + 864_000_000}, null, null, i * 2 from n`);
  database.exec(`${rows} insert into segno_refresh_families (id, session_id, user_id, client_id, scope, audience, dpop_jkt, generation,
      current_hash, previous_hash, successor_nonce, rotated_at, created_at, idle_expires_at, absolute_expires_at, revoked_at, revoked_reason,
      status_index)
    select ${id("fam")}, ${id("sess")}, ${id("user")}, 'segno', '', '${origin}', null, 1,
      hex(randomblob(21)), null, null, null, ${now}, ${now + 864_000_000}, ${now + 864_000_000}, null, null, i * 2 + 1 from n`);
  database.exec(`with recursive n(i) as (select 0 union all select i + 1 from n where i < ${users * 2 - 1})
    insert into segno_status_indexes (status_index, expires_at) select i, ${now + 864_000_000} from n`);
  database.exec("commit");
  database.exec("pragma wal_checkpoint(truncate)");
  database.close();
}

function tokenOf(kind: string, index: number): string {
  return createHash("sha256").update(`${kind}/${index}`).digest("base64url");
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
