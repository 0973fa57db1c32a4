import { chmodSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LiveEngine, serveEngine } from "../../test/live-engine.js";
import { type CliResult, makeFolder, runCli } from "../../test/run-cli.js";
import { startService } from "../../test/service.js";

const folder = makeFolder({});
const file = join(folder.path, "probe.json");
let live: LiveEngine;
let subject: string;

const segno = (...args: readonly string[]) => runCli(args, { cwd: folder.path });
const probe = (...args: readonly string[]) => segno("probe", "--url", live.url, "--file", file, "--json", ...args);
const stepsOf = (result: CliResult) =>
  (result.json()["steps"] as readonly { name: string; ok: boolean; fault: string | null }[]).map(
    ({ name, ok, fault }) => (ok ? name : `${name}: ${fault}`),
  );
const allSteps = ["reach", "sign in", "session", "token", "verify token", "sign out"];
const unanswered = (path: string) => new Response("{}", { status: path.includes("never") ? 200 : 500 });

beforeAll(async () => {
  live = await serveEngine(join(folder.path, "segno.db"));
  const enrolled = await segno("probe", "enrol", "--url", live.url, "--file", file, "--json");
  expect(enrolled.stderr).toBe("");
  subject = String(enrolled.json()["subject"]);
});

afterAll(async () => {
  await live.close();
  folder.remove();
});

it("enrols an account of its own, whose key nobody else may read and no output shows", async () => {
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const kept = JSON.parse(readFileSync(file, "utf8")) as {
    readonly origin: string;
    readonly key: { readonly d: string };
  };
  expect(kept.origin).toBe(live.url);
  const again = await segno("probe", "enrol", "--url", live.url, "--file", file);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("is there already");
  const { stdout, stderr } = await probe();
  expect(stdout + stderr).not.toContain(kept.key.d);
});

it("signs in, checks session and token, and signs out, with a time for each", async () => {
  live.front = {};
  const result = await segno("probe", "--url", live.url, "--file", file, "--under", "60000");
  expect(result.code).toBe(0);
  const lines = result.stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(allSteps.length + 1);
  for (const [index, name] of allSteps.entries())
    expect(lines[index]).toMatch(new RegExp(`^ok    ${name.padEnd(13)} *\\d+ ms$`));
  expect(lines.at(-1)).toMatch(/^ {6}in all +\d+ ms, limit 60000 ms$/);
  const { events } = await live.segno.api.events.list({ subject, limit: 1_000 });
  const types = events.map(({ event }) => event.type);
  for (const type of ["login.success", "token.issued", "session.revoked"]) expect(types).toContain(type);
  expect(result.stdout).not.toMatch(/eyJ|[A-Za-z0-9_-]{30}/);
});

it("leaves events that say whose they are, and no trace in the funnel", async () => {
  await probe();
  const { events } = await live.segno.api.events.list({ subject, limit: 1_000 });
  const signIns = events.filter(({ event }) => event.type === "login.success");
  expect(new Set(signIns.map(({ event }) => event.deviceClass))).toEqual(new Set(["probe"]));
  const { rows } = await live.segno.api.funnel();
  expect(rows).toMatchObject([{ started: 0, completed: 0 }]);
});

it("fails when the whole takes longer than --under", async () => {
  live.front = {};
  const result = await probe("--under", "1");
  expect(result.code).toBe(1);
  expect(result.json()).toMatchObject({ ok: false, isSlow: true, underMs: 1 });
  expect(stepsOf(result)).toEqual(allSteps);
});

it("counts the time of a step that is slow", async () => {
  live.front = {
    async instead(path) {
      if (path.endsWith("/session/token")) await sleep(400);
      return undefined;
    },
  };
  const result = await probe("--under", "390");
  expect(result.code).toBe(1);
  const steps = result.json()["steps"] as readonly { readonly name: string; readonly ms: number }[];
  expect(steps.find(({ name }) => name === "token")?.ms).toBeGreaterThan(390);
  expect(result.json()).toMatchObject({ isSlow: true });
  live.front = {};
});

it("says which step met a server that fails, and stops there", async () => {
  live.front = { instead: (path) => (path.includes("sign-in/verify") ? unanswered(path) : undefined) };
  const result = await probe();
  expect(result.code).toBe(1);
  expect(stepsOf(result)).toEqual(["reach", "sign in: answers 500"]);
});

it("says when the service answers with what is no answer of it", async () => {
  live.front = { instead: () => new Response("<html>", { headers: { "content-type": "text/html" } }) };
  expect(stepsOf(await probe())).toEqual(["reach: answers 200 with what is no JSON"]);
  live.front = { instead: () => Response.json({ issuer: "x" }) };
  expect(stepsOf(await probe())).toEqual(["reach: the discovery document is none of Segno"]);
});

it("notices keys that did not sign the token", async () => {
  const jwk = { kty: "EC", crv: "P-256", alg: "ES256", use: "sig", kid: "x" };
  const point = { x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" };
  live.front = {
    instead: (path) => (path.includes("jwks") ? Response.json({ keys: [{ ...jwk, ...point }] }) : undefined),
  };
  const result = await probe();
  expect(stepsOf(result).at(-1)).toBe("verify token: token_key_unknown");
  live.front = {};
});

it("tells a session that outlives its sign-out", async () => {
  live.front = { instead: (path) => (path.endsWith("/sign-out") ? new Response(null, { status: 204 }) : undefined) };
  expect(stepsOf(await probe()).at(-1)).toBe("sign out: the session is still there");
  live.front = {};
});

it("says when nobody answers", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
  folder.write("gone.json", readFileSync(file, "utf8").replace(live.url, url));
  chmodSync(join(folder.path, "gone.json"), 0o600);
  const result = await segno("probe", "--url", url, "--file", join(folder.path, "gone.json"), "--json");
  expect(result.code).toBe(1);
  expect(stepsOf(result)).toEqual(["reach: no answer: ECONNREFUSED"]);
  const enrolled = await segno("probe", "enrol", "--url", url, "--file", join(folder.path, "new.json"));
  expect(enrolled.stderr).toContain("no answer: ECONNREFUSED");
});

it("is refused with a key the service does not know", async () => {
  const kept = JSON.parse(readFileSync(file, "utf8")) as object;
  folder.write("wrong.json", JSON.stringify({ ...kept, id: Buffer.alloc(32, 7).toString("base64url") }));
  chmodSync(join(folder.path, "wrong.json"), 0o600);
  const result = await segno("probe", "--url", live.url, "--file", join(folder.path, "wrong.json"), "--json");
  expect(stepsOf(result).at(-1)).toMatch(/^sign in: answers 4\d\d passkey_unknown$/);
});

it("refuses a file that others can read, is for another service, or is none", async () => {
  const text = readFileSync(file, "utf8");
  const causes: string[] = [];
  for (const [name, content, mode] of [
    ["open.json", text, 0o644],
    ["other.json", text.replace(live.url, "https://app.example.com"), 0o600],
    ["broken.json", "{", 0o600],
  ] as const) {
    folder.write(name, content);
    chmodSync(join(folder.path, name), mode);
    const result = await segno("probe", "--url", live.url, "--file", name);
    expect(result.code).toBe(1);
    causes.push(result.stderr.split("\n")[0] ?? "");
  }
  expect(causes).toEqual([
    "segno: Others than you can read open.json, which holds a private key.",
    `segno: other.json is for https://app.example.com, not for ${live.url}.`,
    "segno: broken.json is not what segno probe enrol writes.",
  ]);
  expect((await segno("probe", "--url", "http://app.example.com", "--file", "open.json")).code).toBe(2);
  expect((await probe("--under", "soon")).code).toBe(2);
});

it("says how far the clocks are apart", async () => {
  const service = await startService("1:first-secret-0123456789-abcdefghijklmnop", {
    database: join(folder.path, "clock.db"),
  });
  const own = join(folder.path, "clock.json");
  expect((await segno("probe", "enrol", "--url", service.url, "--file", own)).code).toBe(0);
  service.skip(600);
  const result = await segno("probe", "--url", service.url, "--file", own, "--json");
  await service.close();
  expect(stepsOf(result).at(-1)).toMatch(
    /^verify token: token_not_yet_valid: the service's clock and this one are about (599|600|601) s apart$/,
  );
});
