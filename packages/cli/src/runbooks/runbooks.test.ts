import { existsSync, globSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { EventSink } from "@segno/server";
import { vaultWrapped } from "@segno/server/custody";
import { afterEach, describe, expect, it } from "vitest";
import { isAsPromised, openShell, readSteps, type Step } from "../../test/runbook.js";
import { makeFolder, runCli } from "../../test/run-cli.js";
import { type Service, startService } from "../../test/service.js";
import { startVault } from "../../test/vault.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const oldSecret = "1:first-secret-0123456789-abcdefghijklmnop";
const newSecret = "2:second-secret-9876543210-zyxwvutsrqponmlk";
const tools = ["bash", "curl", "jq", "openssl"];
const missing = tools.filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
if (missing.length > 0 && process.env["SEGNO_REQUIRE_PEERS"] === "1") throw new Error(`missing: ${missing.join(", ")}`);
if (missing.length > 0) console.warn(`runbooks skipped: ${missing.join(", ")} not installed`);

interface Sandbox {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function newFolder(): string {
  const folder = makeFolder();
  open.push(folder.remove);
  return folder.path;
}

async function serviceIn(...args: Parameters<typeof startService>): Promise<Service> {
  const service = await startService(...args);
  open.push(service.close);
  return service;
}

/** What every page takes for granted: the configuration of the service, at the shell where its commands are run. */
function configured(folder: string, service: Service, secret: string): Record<string, string> {
  return {
    SEGNO_URL: service.url,
    SEGNO_SECRET: secret,
    SEGNO_DATABASE_URL: join(folder, "segno.db"),
    SEGNO_TRUSTED_PROXIES: "socket",
  };
}

/** What the service says of its keys while customers ask for tokens. */
async function keysHealth(service: Service, cookie: string): Promise<string> {
  await service.token(cookie);
  const answer = await fetch(`${service.url}/api/auth/health/ready`);
  return ((await answer.json()) as { readonly checks: Readonly<Record<string, string>> }).checks["keys"] ?? "";
}

/** Each page, as it stands before its first step. */
const sandboxes: Readonly<Record<string, () => Promise<Sandbox>>> = {
  async "token-signing-failure.md"() {
    const folder = newFolder();
    const database = join(folder, "segno.db");
    const before = await startService(oldSecret, { database });
    await before.close();
    const service = await serviceIn(newSecret, { database });
    return { folder, env: { ...configured(folder, service, newSecret), OLD_SECRET: oldSecret } };
  },
  async "service-level-alert.md"() {
    const folder = newFolder();
    const path = join(folder, "segno.db");
    const service = await serviceIn(oldSecret, { database: path });
    const database = new DatabaseSync(path);
    const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
    const count = database.prepare(
      "insert into segno_sli (name, at, is_hour, good, total) values ('sign-in-success', ?, 0, 95, 100)",
    );
    for (let minute = 1; minute <= 60; minute += 1) count.run(nowMs - minute * 60_000 + 60_000);
    const fire = database.prepare("insert into segno_slo_alerts (id, since) values (?, ?)");
    for (const minutes of [60, 360]) fire.run(`sign-in-success/page/${minutes}`, nowMs);
    database.close();
    return { folder, env: configured(folder, service, oldSecret) };
  },
  async "key-compromise.md"() {
    const folder = newFolder();
    const service = await serviceIn(oldSecret, { database: join(folder, "segno.db") });
    const issued = await service.token(await service.signIn("ada@example.com"));
    const { accessToken: token } = (await issued.json()) as { readonly accessToken: string };
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${service.url}/api/auth/v1/sessions`, { headers })).status).toBe(200);
    return { folder, env: { ...configured(folder, service, oldSecret), TOKEN: token } };
  },
  async "vault-outage.md"() {
    const folder = newFolder();
    const vault = await startVault();
    open.push(vault.close);
    const { address, token } = vault;
    const custody = vaultWrapped({ address, login: { method: "token", token } });
    const service = await serviceIn(oldSecret, { database: join(folder, "segno.db"), keys: { custody } });
    const cookie = await service.signIn("ada@example.com");
    expect((await service.token(cookie)).status).toBe(200);
    expect(await keysHealth(service, cookie)).toBe("ok");
    writeFileSync(
      join(folder, "segno.ts"),
      `import { createSegno } from "@segno/server";
import { vaultWrapped } from "@segno/server/custody";
export const segno = createSegno({ production: false, keys: { custody: vaultWrapped() } });
`,
    );
    await vault.seal();
    // past the life of the unwrapped key and the time declared for outages
    service.skip(7_200);
    await expect.poll(async () => await keysHealth(service, cookie), { timeout: 10_000 }).toBe("degraded");
    const refused = await service.token(cookie);
    expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
    const env = { ...configured(folder, service, oldSecret), SEGNO_CONFIG: "./segno.ts" };
    return { folder, env: { ...env, VAULT_ADDR: address, VAULT_TOKEN: token, UNSEAL_KEY: vault.unsealKey } };
  },
  async "audit-behind.md"() {
    const folder = newFolder();
    const database = join(folder, "segno.db");
    const service = await serviceIn(oldSecret, { database, audit: {} });
    await service.signIn("ada@example.com");
    const env = { ...configured(folder, service, oldSecret), SEGNO_AUDIT: "on" };
    await expect.poll(() => waitingOf(folder, env), { timeout: 20_000 }).toBe(0);
    // the node that had the turn is gone, and nobody knows yet
    const db = new DatabaseSync(database);
    db.exec("pragma busy_timeout = 5000");
    db.prepare("update segno_event_cursors set lease_id = 'gone', lease_until = ? where name = 'audit'").run(
      Date.now() + 15_000,
    );
    db.close();
    await service.signIn("grace@example.com");
    return { folder, env };
  },
  async "audit-tamper-found.md"() {
    const folder = newFolder();
    const service = await serviceIn(oldSecret, { database: join(folder, "segno.db"), audit: {} });
    await service.signIn("ada@example.com");
    const env = { ...configured(folder, service, oldSecret), SEGNO_AUDIT: "on" };
    const segno = (...args: readonly string[]) => runCli(args, { cwd: folder, env });
    await expect.poll(async () => (await segno("audit", "status")).stdout, { timeout: 20_000 }).toMatch(/up to [1-9]/);
    await segno("audit", "export", "./audit");
    const { status } = (await segno("audit", "status", "--json")).json() as { status: { keys: string } };
    writeFileSync(join(folder, "keys.txt"), status.keys);
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(join(folder, "me.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    for (const name of globSync("audit/tile/entries/**/*", { cwd: folder }).filter((each) => /\d$/.test(each))) {
      const path = join(folder, name);
      const bytes = readFileSync(path);
      const third = bytes.indexOf('"position":3');
      if (third > 0) bytes[third + 11] = "4".charCodeAt(0);
      writeFileSync(path, bytes);
    }
    return { folder, env };
  },
  async "event-sink-down.md"() {
    const folder = newFolder();
    const receiver = await startReceiver();
    const sink: EventSink = {
      name: "siem",
      async deliver(events, signal) {
        const body = events.map(({ cloudEvent }) => cloudEvent).join("\n");
        const answer = await fetch(receiver.url, { method: "POST", body, signal });
        const refused = (await answer.json()) as readonly string[];
        return refused.map((id) => ({ id, reason: "status 422", isFinal: true }));
      },
    };
    const database = join(folder, "segno.db");
    const service = await serviceIn(oldSecret, { database, events: { sinks: [sink] } });
    await service.signIn("ada@example.com");
    const env = configured(folder, service, oldSecret);
    const lettersOf = async () => (await runCli(["events", "dead-letters"], { cwd: folder, env })).stdout;
    await expect.poll(lettersOf, { timeout: 20_000 }).toContain("user.created");
    await receiver.stop();
    await service.signIn("grace@example.com");
    const sinksOf = async () => (await runCli(["events", "sinks"], { cwd: folder, env })).stdout;
    await expect.poll(sinksOf, { timeout: 20_000 }).toContain("away");
    // the page's own word for bringing the receiver back
    const control = createServer(async (_, outgoing) => {
      await receiver.start();
      outgoing.end();
    });
    await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
    open.push(() => control.close(), receiver.stop);
    const controlUrl = `http://127.0.0.1:${(control.address() as AddressInfo).port}`;
    return { folder, env: { ...env, SINK_URL: receiver.url, CONTROL_URL: controlUrl } };
  },
};

async function waitingOf(folder: string, env: Readonly<Record<string, string>>): Promise<number> {
  const { json } = await runCli(["audit", "status", "--json"], { cwd: folder, env });
  return (json() as { readonly status: { readonly waiting: number } }).status.waiting;
}

/** A receiver of events that refuses what tells of new users, until it is started anew. */
async function startReceiver(): Promise<{
  readonly url: string;
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
}> {
  let isMended = false;
  let server = createServer();
  const listen = async (port: number) => {
    server = createServer(async (incoming, outgoing) => {
      let body = "";
      for await (const chunk of incoming) body += String(chunk);
      const lines = body.split("\n").filter(Boolean);
      const refused = isMended ? [] : lines.filter((line) => line.includes(".user.created."));
      outgoing.end(JSON.stringify(refused.map((line) => (JSON.parse(line) as { readonly id: string }).id)));
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    stop,
    async start() {
      isMended = true;
      await listen(port);
    },
  };
}

/** `sleep` and `roll-out` as the sandbox has them: time is skipped, the service is started with the secret at hand. */
function addStandIns(folder: string): void {
  const scripts = {
    sleep: 'curl -sS -X POST "$SEGNO_URL/__test/skip?seconds=$1"',
    "restart-receiver": 'curl -sS "$CONTROL_URL"',
    "roll-out": 'curl -sS -X POST "$SEGNO_URL/__test/restart" --data-binary "$SEGNO_SECRET"',
  };
  for (const [name, line] of Object.entries(scripts)) {
    writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(folder, "bin", name), 0o755);
  }
}

async function follow({ folder, env }: Sandbox, page: string, steps: readonly Step[]): Promise<void> {
  const shell = openShell(folder, env);
  open.push(() => shell.close());
  addStandIns(folder);
  for (const step of steps) {
    const { exitCode, output } = await shell.run(step.command);
    const promised = [...step.output, ...(step.exitCode === 0 ? [] : [`? ${step.exitCode}`])].join("\n");
    const isKept = exitCode === step.exitCode && isAsPromised(step.output, output);
    if (!isKept)
      expect.fail(
        `${page}:${step.line}: $ ${step.command}\nthe page promises:\n${promised}\nwhat came (exit code ${exitCode}):\n${output}`,
      );
  }
}

/** Steps before the first heading lead into each of the ways that follow; a way of its own sandbox each. */
function waysOf(text: string): readonly { readonly title: string; readonly steps: readonly Step[] }[] {
  const lines = text.split("\n");
  const starts = lines.flatMap((line, index) => (line.startsWith("## ") ? [index] : []));
  const steps = readSteps(text);
  const between = (from: number, to: number) => steps.filter(({ line }) => line > from && line <= to);
  const lead = between(0, starts[0] ?? lines.length);
  const ways = starts
    .map((start, index) => ({
      title: lines[start]?.slice(3) ?? "",
      steps: between(start, starts[index + 1] ?? lines.length),
    }))
    .filter((way) => way.steps.length > 0);
  return ways.length === 0
    ? [{ title: "from its first step to its last", steps: lead }]
    : ways.map((way) => ({ ...way, steps: [...lead, ...way.steps] }));
}

const pages = globSync("docs/runbooks/*.md", { cwd: root })
  .map((file) => file.split(/[\\/]/).at(-1) ?? "")
  .filter((name) => name !== "README.md")
  .map((name) => ({ name, text: readFileSync(join(root, "docs/runbooks", name), "utf8") }));

describe.skipIf(missing.length > 0)("R117: runbooks do what they say", () => {
  for (const { name, text } of pages.filter((page) => readSteps(page.text).length > 0)) {
    for (const { title, steps } of waysOf(text)) {
      it(`${name}: ${title} (${steps.length} commands)`, { timeout: 120_000 }, async () => {
        const prepare = sandboxes[name];
        if (prepare === undefined) expect.fail(`${name} has commands, and nothing here to run them in`);
        await follow(await prepare(), name, steps);
      });
    }
  }
});

describe("a runbook", () => {
  it.each(Object.keys(sandboxes))("%s says who, how long, how to know, and what customers see", (name) => {
    const text = pages.find((page) => page.name === name)?.text ?? "";
    for (const row of ["Who", "How long", "What customers see", "How to know it worked"])
      expect(text).toMatch(new RegExp(`^\\| ${row} +\\| \\S`, "m"));
    expect(readFileSync(join(root, "docs/runbooks/README.md"), "utf8")).toContain(`](${name})`);
  });

  it("that a doctor's fix leads to is there, like every page a message names", async () => {
    const sources = globSync("packages/cli/src/**/*.ts", { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
    const links = sources.flatMap(
      (file) => readFileSync(join(root, file), "utf8").match(/docs\/[\w./-]+\.md(#[\w-]+)?/g) ?? [],
    );
    expect(links.length).toBeGreaterThan(10);
    for (const link of new Set(links)) {
      const [file = "", anchor] = link.split("#");
      expect(existsSync(join(root, file)), link).toBe(true);
      if (anchor === undefined) continue;
      const text = readFileSync(join(root, file), "utf8").toLowerCase();
      const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading.replaceAll(" ", "-"));
      expect(text.includes(`id="${anchor}"`) || headings.includes(anchor), link).toBe(true);
    }
  });
});

it("is done from a shell that knows nothing else", async () => {
  const { code } = await runCli(["keys", "status", "--help"], { cwd: newFolder() });
  expect(code).toBe(0);
});
