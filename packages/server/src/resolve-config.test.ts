import { chdir, cwd } from "node:process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SegnoOptions } from "./config.js";
import { createVaultDouble } from "../test/vault-double.js";
import { loadDevelopmentSecret } from "./development-secret.js";
import { developmentMailbox } from "./mail/index.js";
import { configurationError, resolveOptions } from "./resolve-config.js";

const secret = "1:a-secret-0123456789-abcdefghijklmnopq";
const email = { send: async () => {} };
const sink = { name: "siem", deliver: async () => {} };
const good: SegnoOptions = {
  baseUrl: "https://app.example.com",
  secret,
  email,
  clientIp: { source: "socket" },
  production: true,
};
const faultsOf = (options: SegnoOptions, environment = {}) => resolveOptions(options, environment).faults;

const home = cwd();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-config-"));
  chdir(folder);
});
afterEach(() => {
  chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

describe("production", () => {
  it("starts with what it needs, from options or from the environment", () => {
    expect(faultsOf(good)).toEqual([]);
    const environment = {
      NODE_ENV: "production",
      SEGNO_URL: "https://app.example.com",
      SEGNO_SECRET: secret,
      SEGNO_TRUSTED_PROXIES: "10.0.0.0/8, ::1",
    };
    const { faults, config } = resolveOptions({ email }, environment);
    expect(faults).toEqual([]);
    expect(config.clientIp).toEqual({ source: "forwarded", trustedProxies: ["10.0.0.0/8", "::1"] });
    expect(config).toMatchObject({
      production: true,
      isSecure: true,
      origin: "https://app.example.com",
      issuer: "https://app.example.com",
      basePath: "/api/auth",
    });
  });

  it("names every unsafe setting at once", () => {
    const faults = faultsOf({
      rateLimit: false,
      database: ":memory:",
      production: true,
      baseUrl: "http://app.example.com",
    });
    expect(faults.map((fault) => fault.split(":")[0])).toEqual([
      "baseUrl",
      "rateLimit",
      "clientIp",
      "email",
      "secret",
      "database",
    ]);
    const message = configurationError(faults).message;
    expect(message).toMatch(/^Segno cannot start: 6 faults in its configuration\.\n {2}- baseUrl: must be https/);
  });

  it("refuses a short or repeating secret without quoting it", () => {
    for (const weak of ["1:canary", `1:${"canary".repeat(8)}`, `2:canary,${secret}`]) {
      const faults = faultsOf({ ...good, secret: weak });
      expect(faults.length, weak).toBeGreaterThan(0);
      expect(faults.join()).not.toContain("canary");
    }
  });

  it("takes a loopback address over http, and the built-in mailbox where no mail is sent", () => {
    expect(faultsOf({ ...good, baseUrl: "http://localhost:3000" })).toEqual([]);
    const signIn = { emailCode: false, emailLink: false };
    expect(faultsOf({ ...good, email: developmentMailbox(), signIn })).toEqual([]);
    expect(faultsOf({ ...good, email: developmentMailbox() })).toHaveLength(1);
  });

  it("is assumed where NODE_ENV says nothing and the address is not this machine", () => {
    const { config, faults } = resolveOptions({ baseUrl: "https://app.example.com" }, {});
    expect(config.production).toBe(true);
    expect(faults.length).toBeGreaterThan(2);
    expect(resolveOptions({ baseUrl: "https://app.example.com" }, { NODE_ENV: "test" }).config.production).toBe(false);
    expect(resolveOptions({ baseUrl: "http://localhost:1" }, {}).config.production).toBe(false);
  });
});

describe("development", () => {
  it("needs nothing: address, mailbox and a secret made once, readable by its owner only", () => {
    const { config, faults, mailbox, source } = resolveOptions({}, {});
    expect(faults).toEqual([]);
    expect(config).toMatchObject({ production: false, isSecure: false, baseUrl: "http://localhost:3000" });
    expect(mailbox).toBeDefined();
    expect(source.describe).toContain(join(".segno", "segno.db"));
    const file = join(folder, ".segno", "secret");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, ".segno")).mode & 0o777).toBe(0o700);
    expect(resolveOptions({}, {}).config.secrets).toEqual(config.secrets);
    expect(loadDevelopmentSecret()).toBe(readFileSync(file, "utf8").trim());
  });
});

describe("each option", () => {
  it.each<[string, SegnoOptions | Record<string, unknown>]>([
    ["baseURL", { baseURL: "https://a.example" }],
    ["baseUrl", { baseUrl: "app.example.com" }],
    ["baseUrl", { baseUrl: "https://a.example/path" }],
    ["baseUrl", { baseUrl: "https://user:pw@a.example" }],
    ["basePath", { basePath: "/api/auth/" }],
    ["basePath", { basePath: "api" }],
    ["basePath", { basePath: "/" }],
    ["issuer", { issuer: "https://a.example?x" }],
    ["trustedOrigins", { trustedOrigins: ["https://a.example/"] }],
    ["trustedOrigins", { trustedOrigins: ["*"] }],
    ["trustedOrigins", { trustedOrigins: ["http://a.example"] }],
    ["clientIp.trustedProxies", { clientIp: { source: "forwarded", trustedProxies: ["10.0.0.1/8"] } }],
    ["clientIp.trustedProxies", { clientIp: { source: "forwarded", trustedProxies: [] } }],
    ["clientIp.header", { clientIp: { source: "header", header: "x y" } }],
    ["signIn", { signIn: { passkey: false, emailLink: false, emailCode: false } }],
    ["signIn.passkey.rpId", { signIn: { passkey: { rpId: "example.org" } } }],
    ["signIn.passkey.rpId", { signIn: { passkey: { rpId: "pp.example.com" } } }],
    ["session.idleSeconds", { session: { idleSeconds: 0 } }],
    ["session.cacheSeconds", { session: { cacheSeconds: 6 } }],
    ["session.cacheSeconds", { session: { cacheSeconds: -1 } }],
    ["hotState", { hotState: {} as never }],
    ["session.idleSeconds", { session: { idleSeconds: Number.NaN } }],
    ["session.idleSeconds", { session: { idleSeconds: 100, absoluteSeconds: 10 } }],
    ["tokens.accessTokenSeconds", { tokens: { accessTokenSeconds: 86_400 } }],
    ["tokens.audiences", { tokens: { audiences: [] } }],
    ["tokens.introspectionClients", { tokens: { introspectionClients: { api: "short" } } }],
    ["keys.publishSeconds", { keys: { publishSeconds: 60 } }],
    ["events.keepDays", { events: { keepDays: 0 } }],
    ["events.sinks", { events: { sinks: [{ ...sink, name: "SIEM" }] } }],
    ["events.sinks", { events: { sinks: [{ ...sink, name: "in-process" }] } }],
    ["events.sinks", { events: { sinks: [sink, { ...sink }] } }],
    ["events.sinks", { events: { sinks: [{ ...sink, types: ["login.maybe"] }] } }],
    ["events.sinks", { events: { sinks: [{ ...sink, types: ["coffee.*"] }] } }],
    ["events.sinks", { events: { sinks: [{ ...sink, batchSize: 0 }] } }],
    ["events.sinks", { events: { sinks: [{ ...sink, tenants: [""] }] } }],
    ["events.sinks", { events: { sinks: [{ name: "siem" }] } }],
    ["keys.algorithm", { keys: { algorithm: "none" } }],
    ["keys.leaseSeconds", { keys: { leaseSeconds: 30 } }],
    ["keys.leaseSeconds", { keys: { leaseSeconds: 90_000 } }],
    ["keys.outageSeconds", { keys: { outageSeconds: 90_000 } }],
    ["keys.custody", { keys: { custody: { mode: "software", name: "vault" } } }],
    ["keys.custody", { keys: { custody: { mode: "remote", name: "vault", generate: () => {}, check: () => {} } } }],
    ["keys.custody", { keys: { custody: { ...createVaultDouble().wrapped, name: "local" } } }],
    ["database", { database: "mysql://localhost/x" }],
  ])("%s is refused when wrong: %j", (name, options) => {
    const faults = faultsOf({ ...good, ...options } as SegnoOptions);
    expect(faults.map((fault) => fault.slice(0, name.length))).toEqual([name]);
  });

  it("a database comes as path, file URL, postgres URL without its password, or source", () => {
    const describeOf = (database: string) => resolveOptions({ ...good, database }, {}).source.describe;
    expect(describeOf("./x.db")).toBe(`sqlite ${join(cwd(), "x.db")}`);
    expect(describeOf("file:///tmp/x.db")).toBe("sqlite /tmp/x.db");
    expect(describeOf("postgres://me:canary@db:5432/app")).toBe("postgres db:5432/app");
    expect(
      resolveOptions({ ...good, database: { describe: "mine", open: () => Promise.reject(new Error()) } }, {}).source
        .describe,
    ).toBe("mine");
  });

  it("introspection clients and trusted origins come from the environment too", () => {
    const environment = {
      SEGNO_INTROSPECTION_CLIENTS: "api:0123456789abcdef:x,b:0123456789abcdef",
      SEGNO_TRUSTED_ORIGINS: "https://a.example, https://b.example",
    };
    const { config, faults } = resolveOptions(good, environment);
    expect(faults).toEqual([]);
    expect(config.tokens.introspectionClients).toEqual({ api: "0123456789abcdef:x", b: "0123456789abcdef" });
    expect(config.trustedOrigins).toEqual(["https://a.example", "https://b.example"]);
  });
});
