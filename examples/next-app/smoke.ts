// Starts the built app on a free port and walks through it: node smoke.ts (after next build)
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const port = await freePort();
const origin = `http://localhost:${port}`;
const folder = mkdtempSync(join(tmpdir(), "segno-next-"));
const server = spawn(process.execPath, ["node_modules/next/dist/bin/next", "start", "-p", String(port)], {
  cwd: import.meta.dirname,
  env: {
    ...process.env,
    PORT: String(port),
    NEXT_TELEMETRY_DISABLED: "1",
    SEGNO_DATABASE_URL: join(folder, "segno.db"),
  },
  stdio: ["ignore", "pipe", "pipe"],
});
let log = "";
const ready = new Promise<void>((resolve, reject) => {
  const read = (chunk: Buffer) => {
    log += chunk;
    if (log.includes("Ready")) resolve();
  };
  server.stdout.on("data", read);
  server.stderr.on("data", read);
  server.once("exit", () => reject(new Error(`next start ended:\n${log}`)));
});

const page = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html" };
type Sent = Record<string, string>;

/** By `node:http`, because `fetch` says of itself that it is no navigation. */
const get = (path: string, headers: Sent = {}) =>
  new Promise<Response>((resolve, reject) => {
    const sent = request({ host: "localhost", port, path, headers }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk);
      const lines = answer.rawHeaders.flatMap((name, index, all) =>
        index % 2 === 0 ? [[name, all[index + 1] ?? ""]] : [],
      );
      const status = answer.statusCode ?? 0;
      const body = status === 204 || status === 304 ? null : Buffer.concat(chunks);
      resolve(new Response(body, { status, headers: lines as [string, string][] }));
    });
    sent.once("error", reject).end();
  });
const post = (path: string, body: object, headers: Sent = {}) =>
  fetch(origin + path, {
    method: "POST",
    headers: { "content-type": "application/json", origin, ...headers },
    body: JSON.stringify(body),
    redirect: "manual",
  });
const cookiesOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
let passed = 0;
async function check(name: string, work: () => Promise<void>) {
  await work();
  passed += 1;
  console.log(`ok  ${name}`);
}

try {
  await ready;
  await walk();
  console.log(`${passed} passed, 0 failed`);
} catch (error) {
  console.error(error, `\n${log}`);
  console.log(`${passed} passed, 1 failed`);
  process.exitCode = 1;
} finally {
  server.kill("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
}

async function walk() {
  const forged = { ...page, cookie: "segno.sid=forged" };

  await check("home renders for nobody", async () => {
    const home = await get("/", page);
    assert.equal(home.status, 200);
    assert.match(await home.text(), /You are not signed in/);
  });

  await check("the proxy sends a page without a cookie to sign in, by a relative address", async () => {
    const account = await get("/account?tab=2", page);
    assert.deepEqual(
      [account.status, account.headers.get("location")],
      [303, "/sign-in?returnTo=%2Faccount%3Ftab%3D2"],
    );
  });

  await check("T-025: with a forged cookie the page itself sends to sign in, with the way back", async () => {
    const additions: Sent[] = [
      {},
      { "x-middleware-subrequest": "proxy:proxy:proxy:proxy:proxy" },
      { "x-segno-path": "//evil.example" },
    ];
    for (const more of additions) {
      const account = await get("/account?tab=2", { ...forged, ...more });
      assert.deepEqual(
        [account.status, account.headers.get("location")],
        [307, "/sign-in?returnTo=%2Faccount%3Ftab%3D2"],
      );
    }
  });

  const callers: Sent[] = [
    page,
    forged,
    { rsc: "1", cookie: "segno.sid=forged" },
    { rsc: "1", "next-router-prefetch": "1", cookie: "segno.sid=forged" },
  ];
  await check("T-026: no form of a protected page shows it", async () => {
    const forms = [
      "/account.rsc",
      "/account.segments/_tree.segment.rsc",
      "/account.segments/account/__PAGE__.segment.rsc",
      "/_next/data/x/account.json",
    ];
    for (const path of [...forms, "/account/", "//account", "/account?_rsc=1", "/%61ccount"]) {
      for (const headers of callers) {
        const answer = await get(path, headers);
        assert.doesNotMatch(await answer.text(), /Signed in with assurance/, path);
        assert.ok(answer.status < 500, `${path} ${answer.status}`);
      }
    }
  });

  await check("an API call is answered, not redirected", async () => {
    const bad: Sent[] = [{}, { cookie: "segno.sid=forged" }, { authorization: "Bearer forged" }, forged];
    for (const headers of bad) {
      const orders = await get("/api/orders", headers);
      assert.deepEqual(
        [orders.status, orders.headers.get("content-type")],
        [401, "application/problem+json"],
        JSON.stringify(headers),
      );
      assert.match(orders.headers.get("www-authenticate") ?? "", /^Bearer/);
      assert.equal(orders.headers.get("cache-control"), "no-store");
    }
  });

  await check("keys and discovery answer at the origin root", async () => {
    const keys = await (await get("/.well-known/jwks.json")).json();
    assert.ok(keys.keys.length > 0);
    const discovery = await (await get("/.well-known/openid-configuration")).json();
    assert.equal(discovery.issuer, origin);
  });

  let cookie = "";
  await check("signs in by the mailed code", async () => {
    const started = await post("/api/auth/v1/email/start", { email: "ada@example.com" });
    assert.equal(started.status, 202);
    const { attemptId } = await started.json();
    const code = await until(
      async () =>
        /(?:^|\D)(\d{6,8})(?:\D|$)/m.exec(
          (await (await get("/mailbox", page)).text()).match(/<pre>[^]*?<\/pre>/)?.[0] ?? "",
        )?.[1],
    );
    const done = await post("/api/auth/v1/email/verify", { attemptId, code }, { cookie: cookiesOf(started) });
    assert.equal(done.status, 200);
    cookie = cookiesOf(done);
  });

  await check("pages know who it is, and are for no shared cache", async () => {
    const account = await get("/account", { ...page, cookie });
    assert.equal(account.status, 200);
    const html = await account.text();
    assert.match(html, /Signed in with assurance/);
    assert.match(html, /ada@example\.com/); // the seed of the provider: no session request is needed
    assert.match(account.headers.get("cache-control") ?? "", /no-store/);
  });

  await check("the API takes the cookie and the access token", async () => {
    assert.equal((await (await get("/api/orders", { cookie })).json()).by, "session");
    const issued = await post("/api/auth/v1/session/token", {}, { cookie });
    const { accessToken } = await issued.json();
    assert.equal(
      (await (await get("/api/orders", { authorization: `Bearer ${accessToken}` })).json()).by,
      "access_token",
    );
  });

  await check("RFC 9470: a transfer asks for a fresh passkey", async () => {
    const transfer = await post("/api/transfer", {}, { cookie });
    assert.equal(transfer.status, 401);
    assert.equal(
      transfer.headers.get("www-authenticate"),
      'Bearer error="insufficient_user_authentication", acr_values="phr", max_age=300',
    );
  });

  await check("a loop of redirects ends in a readable page", async () => {
    let jar = "";
    for (let hop = 1; hop <= 6; hop += 1) {
      const answer = await get("/sign-in?returnTo=%2Faccount", { ...page, cookie: jar });
      assert.equal(answer.status, hop <= 5 ? 200 : 508);
      jar = cookiesOf(answer);
      if (hop === 6) assert.match(await answer.text(), /Sign-in keeps starting over/);
    }
  });

  await check("after signing out the old cookie opens nothing", async () => {
    assert.equal((await post("/api/auth/v1/sign-out", {}, { cookie })).status, 204);
    assert.equal((await get("/account", { ...page, cookie })).status, 307);
    assert.equal((await get("/api/orders", { cookie })).status, 401);
  });
}

/** Mail is sent after the answer: asks until it is there. */
async function until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (let tries = 0; tries < 100; tries += 1) {
    const value = await look();
    if (value !== undefined) return value;
  }
  throw new Error("It did not happen.");
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
