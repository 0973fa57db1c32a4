import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cliDatabases } from "../../test/databases.js";
import { type LiveEngine, serveEngine } from "../../test/live-engine.js";
import { makeFolder, runCli } from "../../test/run-cli.js";
import type { Finding } from "./finding.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
const folder = makeFolder();
afterAll(folder.remove);

interface Diagnosis {
  readonly code: number | null;
  readonly findings: readonly Finding[];
  readonly of: (check: string) => Finding | undefined;
  readonly output: string;
}

async function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Diagnosis> {
  const { code, json, stdout, stderr } = await runCli(["doctor", "--json", ...args], { cwd: folder.path, env });
  const findings = json()["findings"] as readonly Finding[];
  for (const { level, fix, docs } of findings) {
    if (level !== "ok") expect(fix !== undefined && docs !== undefined).toBe(true);
  }
  expect(code).toBe(findings.some(({ level }) => level === "fail") ? 1 : 0);
  return {
    code,
    findings,
    of: (check) => findings.find((finding) => finding.check === check),
    output: stdout + stderr,
  };
}

const sound = {
  SEGNO_URL: "https://app.example.com",
  SEGNO_SECRET: secret,
  SEGNO_TRUSTED_PROXIES: "10.0.0.0/8",
  SEGNO_DATABASE_URL: "./doctor.db",
};

describe("segno doctor on a configuration", () => {
  it("explains every fault at once, each with its fix, and quotes no secret", async () => {
    const found = await doctor([], {
      NODE_ENV: "production",
      SEGNO_URL: "http://app.example.com",
      SEGNO_SECRET: "1:tooshort-hunter2",
      SEGNO_TRUSTED_ORIGINS: "app.example.com",
    });
    expect(found.code).toBe(1);
    const faults = found.findings.filter(({ level }) => level === "fail");
    expect(faults.map(({ check }) => check)).toEqual(["baseUrl", "clientIp", "trustedOrigins", "secret"]);
    expect(found.of("clientIp")?.fix).toContain("SEGNO_TRUSTED_PROXIES");
    expect(found.of("database")?.level).toBe("ok");
    expect(found.output).not.toContain("hunter2");
  });

  it("finds nothing wrong with a sound one, and says how it is understood", async () => {
    await runCli(["migrate", "apply", "--yes"], { cwd: folder.path, env: sound });
    const found = await doctor(["--forwarded", "203.0.113.9, 10.0.0.7"], sound);
    expect(found.findings.filter(({ level }) => level === "fail")).toEqual([]);
    expect(found.of("base URL")?.found).toBe("https://app.example.com, production");
    expect(found.of("client IP")).toMatchObject({ level: "ok", found: expect.stringContaining("203.0.113.9 counts") });
    expect(found.of("cookies")?.found).toContain("__Host-segno.sid");
    expect(found.of("secret")?.found).toMatch(/^1 secret, version 1; the newest seals with at most \d+ bits$/);
    expect(found.of("schema")?.level).toBe("ok");
    expect(found.of("keys")).toMatchObject({ level: "warn", found: "there are none yet" });
    expect(found.output).not.toContain("0123456789");
  });

  it.each([
    [{ SEGNO_TRUSTED_PROXIES: "socket" }, ["--forwarded", "203.0.113.9"], "client IP", "warn", "everybody behind"],
    [{ SEGNO_TRUSTED_PROXIES: "0.0.0.0/0" }, [], "client IP", "fail", "anybody may name an address"],
    [{}, ["--forwarded", "nonsense"], "client IP", "fail", "no address could be read"],
    [{}, ["--forwarded", "203.0.113.9", "--peer", "192.0.2.1"], "client IP", "warn", "is no listed proxy"],
    [{}, ["--forwarded", "203.0.113.9, 192.168.0.4"], "client IP", "warn", "private address"],
    [
      { SEGNO_TRUSTED_PROXIES: "header:cf-connecting-ip" },
      ["--forwarded", "2001:db8::1"],
      "client IP",
      "ok",
      "/64 counts",
    ],
    [{ SEGNO_TRUSTED_ORIGINS: "https://other.org" }, [], "trusted origins", "warn", "SameSite=Lax"],
    [{ SEGNO_TRUSTED_ORIGINS: "https://admin.example.com" }, [], "trusted origins", "ok", "admin.example.com"],
    [
      { SEGNO_SECRET: "2:aaaaaaaaaaaaaaaaaaaaaaaaaaaabcdefgh,1:9sLw2vNq7XtRb4KzYd8mHc3PfGj6UaEo" },
      [],
      "secret",
      "fail",
      "version 2 can be",
    ],
    [{ SEGNO_URL: "https://192.0.2.1" }, [], "passkeys", "fail", "is an address"],
    [{ SEGNO_URL: "http://app.example.com", NODE_ENV: "development" }, [], "base URL", "fail", "over http"],
    [{ SEGNO_DATABASE_URL: "postgres://app:hunter2secret@127.0.0.1:1/app" }, [], "database", "fail", "ECONNREFUSED"],
    [
      { SEGNO_DATABASE_URL: "./empty.db", SEGNO_MIGRATIONS: "check" },
      [],
      "schema",
      "fail",
      "does not start without it",
    ],
  ] as const)("%j %j: %s is %s", async (env, args, check, level, text) => {
    const found = await doctor(args, { ...sound, ...env });
    expect(found.of(check)).toMatchObject({ level, found: expect.stringContaining(text) });
    expect(found.output).not.toContain("hunter2secret");
  });

  it("wonders about a module beside it that nobody named", async () => {
    folder.write("segno.js", "export {};\n");
    expect((await doctor([])).of("configuration")).toMatchObject({
      level: "warn",
      fix: "Did you mean: segno doctor --config ./segno.js",
    });
  });

  it("says of a module what is wrong with it, and where its mail goes", async () => {
    const make = (options: string) =>
      folder.write(
        "module.ts",
        `import { createSegno } from "@segno/server";\nexport const segno = createSegno(${options});\n`,
      );
    make('{ production: true, secret: "short", rateLimit: false }');
    const bad = await doctor(["--config", "module.ts"]);
    expect(bad.findings.filter(({ level }) => level === "fail").map(({ check }) => check)).toEqual(
      expect.arrayContaining(["baseUrl", "rateLimit", "clientIp", "email", "secret"]),
    );
    make(
      `{ production: false, secret: "${secret}", rateLimit: false, signIn: { passkey: { origins: ["https://other.org"] } } }`,
    );
    const soft = await doctor(["--config", "module.ts"]);
    expect(soft.of("mail")?.found).toContain("built-in mailbox");
    expect(soft.of("rate limits")?.level).toBe("warn");
    expect(soft.of("passkeys")).toMatchObject({ level: "warn", found: expect.stringContaining("https://other.org") });
  });

  it.each([
    ["async () => true", "ok", "test store answers"],
    ['async () => { throw new Error("gone") }', "warn", "test store does not answer"],
    ["() => new Promise(() => {})", "warn", "test store does not answer"],
  ])("asks the hot state with a bound: %s", async (setOnce, level, text) => {
    folder.write(
      "hot.ts",
      `import { createSegno } from "@segno/server";
const hotState = { describe: "test store", open: () => ({ setOnce: ${setOnce}, takeFromBucket: async () => {} }) };
export const segno = createSegno({ production: false, secret: "${secret}", hotState } as never);
`,
    );
    const found = await doctor(["--config", "hot.ts"], { SEGNO_DATABASE_URL: "./hot.db" });
    expect(found.of("hot state")).toMatchObject({ level, found: expect.stringContaining(text) });
  });

  it("fits its text into 100 columns", async () => {
    const { stdout } = await runCli(["doctor", "--forwarded", "203.0.113.9"], { cwd: folder.path, env: sound });
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(stdout).toMatch(/\d+ ok, \d+ warnings, \d+ failures\n$/);
  });
});

for (const kind of cliDatabases) {
  describe.skipIf(kind.skipped !== undefined)(`segno doctor on ${kind.name}`, () => {
    it("looks at schema, clock and keys, and makes none", async () => {
      const database = await kind.create();
      const env = { ...sound, SEGNO_DATABASE_URL: database.url };
      expect((await doctor([], env)).of("schema")).toMatchObject({
        level: "warn",
        found: expect.stringContaining("0001 schema"),
      });
      folder.write(
        "start.ts",
        `import { createSegno } from "@segno/server";
export const segno = createSegno({ email: { send: async () => {} } });
await segno.ready({ background: true });
`,
      );
      expect((await doctor(["--config", "start.ts"], env)).of("keys")?.level).toBe("ok");
      const found = await doctor([], env);
      expect(found.of("clock")?.level).toBe("ok");
      expect(found.of("keys")?.found).toMatch(/^2 live, every one opens \(custody local\); spare published \d+ s ago$/);
      const stranger = await doctor([], { ...env, SEGNO_SECRET: "1:9sLw2vNq7XtRb4KzYd8mHc3PfGj6UaEo" });
      expect(stranger.of("keys")).toMatchObject({ level: "fail", fix: expect.stringContaining("SEGNO_SECRET") });
      await database.drop();
    });
  });
}

const postgres = cliDatabases.find(({ name }) => name === "postgres");
describe.skipIf(postgres?.skipped !== undefined)("segno doctor and the database's clock", () => {
  it.each([
    [-3_000, "ok", "3.0 s ahead of this machine"],
    [-30_000, "warn", "30."],
    [7_200_000, "fail", "behind this machine"],
  ])("a machine that is %d ms off is told so", async (offMs, level, text) => {
    const database = await postgres?.create();
    folder.write(
      "clock.ts",
      `import { createSegno } from "@segno/server";
export const segno = createSegno({ production: false, secret: "${secret}", clock: { nowMs: () => Date.now() + ${offMs} } });
`,
    );
    const found = await doctor(["--config", "clock.ts"], { SEGNO_DATABASE_URL: database?.url ?? "" });
    expect(found.of("clock")).toMatchObject({ level, found: expect.stringContaining(text) });
    await database?.drop();
  });
});

describe("segno doctor --url", () => {
  let live: LiveEngine;
  const file = join(folder.path, "live.db");
  const ask = (env: Readonly<Record<string, string>> = {}) =>
    doctor(["--url", live.url], {
      SEGNO_URL: live.url,
      SEGNO_SECRET: secret,
      SEGNO_DATABASE_URL: file,
      SEGNO_TRUSTED_PROXIES: "socket",
      ...env,
    });
  beforeAll(async () => {
    live = await serveEngine(file);
  });
  afterAll(() => live.close());
  afterEach(() => {
    live.front = {};
  });

  it("is content with an engine that runs as configured", async () => {
    const found = await ask();
    for (const check of ["issuer", "service clock", "health", "origin", "cookie", "passkey domain", "keys"])
      expect(found.of(check), check).toMatchObject({ level: "ok" });
  });

  it.each([
    [
      "a clock that is two hours off",
      "service clock",
      "fail",
      "behind this machine",
      {
        answer: (headers) =>
          headers.set(
            "date",
            new Date(Date.parse(headers.get("date") ?? new Date().toUTCString()) - 7_200_000).toUTCString(),
          ),
      },
    ],
    [
      "a proxy that strips cookies",
      "cookie",
      "fail",
      "did not arrive",
      { answer: (headers) => headers.delete("set-cookie") },
    ],
    [
      "a proxy that rewrites cookies",
      "cookie",
      "fail",
      "lost samesite=lax, gained domain=",
      {
        answer: (headers) => {
          const cookies = headers.getSetCookie();
          headers.delete("set-cookie");
          for (const cookie of cookies)
            headers.append("set-cookie", cookie.replace("SameSite=Lax", "SameSite=None; Domain=example.com"));
        },
      },
    ],
    [
      "a proxy that changes Origin",
      "origin",
      "fail",
      "changes the Origin header",
      { request: (headers) => headers.set("origin", live.url) },
    ],
    [
      "a proxy nobody told of",
      "proxy",
      "warn",
      "everybody is counted as the proxy",
      { answer: (headers) => headers.set("via", "1.1 edge") },
    ],
    [
      "a missing mount",
      "issuer",
      "fail",
      "answers 404",
      { instead: (path) => (path.startsWith("/.well-known") ? new Response("", { status: 404 }) : undefined) },
    ],
    [
      "a redirect",
      "issuer",
      "fail",
      "leads on to https://www.example.com/",
      {
        instead: (path) =>
          path.startsWith("/.well-known")
            ? new Response(null, { status: 301, headers: { location: "https://www.example.com/" } })
            : undefined,
      },
    ],
    [
      "an engine that is not ready",
      "health",
      "fail",
      "answers 503",
      { instead: (path) => (path.endsWith("/ready") ? new Response("", { status: 503 }) : undefined) },
    ],
    [
      "an engine that is degraded",
      "health",
      "warn",
      "not all is well",
      {
        instead: (path) =>
          path.endsWith("/ready") ? Response.json({ status: "ready", checks: { keys: "degraded" } }) : undefined,
      },
    ],
    ["a page instead of JSON", "issuer", "fail", "says nothing", { instead: () => new Response("<html>") }],
  ] satisfies readonly (readonly [string, string, string, string, LiveEngine["front"]])[])(
    "names %s",
    async (_what, check, level, text, front) => {
      live.front = front;
      expect((await ask()).of(check)).toMatchObject({ level, found: expect.stringContaining(text) });
    },
  );

  it("names a running engine that was started with another origin, issuer and passkey domain", async () => {
    const found = await ask({ SEGNO_URL: "https://app.example.com" });
    expect(found.of("issuer")).toMatchObject({
      level: "fail",
      found: expect.stringContaining("https://app.example.com"),
    });
    expect(found.of("origin")).toMatchObject({ level: "fail", found: expect.stringContaining("another baseUrl") });
  });

  it("says that nobody answers", async () => {
    const gone = await serveEngine(join(folder.path, "gone.db"));
    await gone.close();
    expect((await doctor(["--url", gone.url], sound)).of("url")).toMatchObject({
      level: "fail",
      found: expect.stringContaining("ECONNREFUSED"),
    });
  });
});
