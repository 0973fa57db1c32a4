import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { command, makeFolder, runCli } from "../test/run-cli.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
const engine = `import { createSegno } from "@segno/server";
export const segno = createSegno({ secret: "${secret}", database: "./segno.db", production: false });
`;
const folder = makeFolder({
  "segno.ts": engine,
  "noisy.ts": `console.log("noise of the module"); process.stdout.write("more noise\\n");\n${engine}`,
  "busy.ts": `import { createServer } from "node:http";\ncreateServer().listen(0);\nsetInterval(() => {}, 1000);\n${engine}`,
  "ready.ts": `${engine.replace("segno.db", "ready.db")}await segno.ready();\n`,
  "insists.ts": `${engine.replace("segno.db", "ready.db")}await segno.ready({ background: true });\n`,
  "nothing.ts": "export {};\n",
  "other.ts": "export const auth = 1;\nexport const handler = () => {};\n",
  "wrong.ts": "export const segno = { handler() {} };\n",
  "older.ts": "export const segno = { api: {}, handler() {}, ready() {}, close() {} };\n",
  "enum.ts": "enum Color { Red }\nexport const segno = Color.Red;\n",
  "import.ts": 'import { db } from "./not-there.js";\nexport const segno = db;\n',
  "throws.ts": 'throw new Error("no connection to postgres://app:hunter2secret@db/app\\n    at secret stack");\n',
  "late.ts": `setTimeout(() => { throw new Error("thrown later") }, 0);\nawait new Promise((r) => setTimeout(r, 2000));\n${engine}`,
  "faulty.ts": engine.replace("production: false", 'production: true, baseUrl: "http://app.example.com"'),
  ".env.test": "SEGNO_DATABASE_URL=./from-file.db\n",
});
afterAll(folder.remove);
const segno = (...args: string[]) => runCli(args, { cwd: folder.path });

describe("segno", () => {
  it("shows what there is, and its version", async () => {
    const [help, versionAnswer] = await Promise.all([segno("--help"), segno("--version", "--json")]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("migrate plan");
    expect(versionAnswer.json()).toEqual({ version: "0.0.0" });
  });

  it.each([
    [[], "No command was given."],
    [["migrat", "plan"], 'There is no command "migrat plan".'],
    [["migrate"], 'There is no command "migrate".'],
    [["doctor", "--nope"], "Unknown option '--nope'."],
    [["doctor", "--url"], "Option '--url <value>' argument missing."],
    [["doctor", "too-much"], '"too-much" is too much.'],
    [["doctor", "--url", "ftp://a"], "--url must be an origin, such as https://app.example.com."],
    [["doctor", "--forwarded", "a\nb"], "--forwarded holds what no header can."],
  ])("ends with 2 and says why when the command line is wrong: %j", async (args, cause) => {
    const plain = await segno(...args);
    expect(plain).toMatchObject({ code: 2, stdout: "" });
    expect(plain.stderr.split("\n")).toEqual([
      `segno: ${cause}`,
      expect.stringMatching(/^ {2}fix: {2}\S/),
      expect.stringMatching(/^ {2}docs: docs\//),
      "",
    ]);
    const asJson = await segno(...args.slice(0, 1), "--json", ...args.slice(1));
    expect(asJson).toMatchObject({ code: 2, stderr: "" });
    expect(asJson.json()).toMatchObject({ ok: false, error: { code: "usage", cause } });
  });

  it("gives help as data", async () => {
    const { code, json } = await segno("migrate", "apply", "--help", "--json");
    expect(code).toBe(0);
    expect(json()).toMatchObject({ command: "migrate apply", example: expect.stringContaining("segno migrate apply") });
  });
});

describe("a configuration module", () => {
  it.each([
    ["gone.ts", "config_missing", "gone.ts is not there"],
    [".", "config_missing", "or is no file"],
    ["nothing.ts", "no_engine", "exports nothing"],
    ["other.ts", "no_engine", 'does not export "segno": it exports auth, handler'],
    ["wrong.ts", "no_engine", "which is no engine"],
    ["older.ts", "engine_version", "another version"],
    ["enum.ts", "config_typescript", "enum"],
    ["import.ts", "config_import", "not-there"],
    ["throws.ts", "config_failed", "failed while it was loaded: no connection to postgres://app:***@db/app"],
    ["faulty.ts", "configuration", "baseUrl: must be https in production (and"],
  ])("%s is refused with its cause and a fix in one line each", async (file, code, cause) => {
    const { code: exit, stdout, stderr, json } = await segno("migrate", "status", "--config", file, "--json");
    expect(exit).toBe(1);
    expect(json()).toMatchObject({
      ok: false,
      error: { code, cause: expect.stringContaining(cause), fix: expect.stringMatching(/^\S.*$/) },
    });
    expect(stdout + stderr).not.toMatch(/hunter2secret|\n\s+at |0123456789-abc/);
  });

  it("keeps what the module writes off stdout", async () => {
    const { json, stderr } = await segno("migrate", "plan", "--config", "noisy.ts", "--json");
    expect(json()).toMatchObject({ command: "migrate plan", state: "pending" });
    expect(stderr).toContain("noise of the module");
    expect(stderr).toContain("more noise");
  });

  it("starts nothing by awaiting ready(), as the module of a service may", async () => {
    const plan = await segno("migrate", "plan", "--config", "ready.ts", "--json");
    expect(plan.json()).toMatchObject({ state: "pending" });
    expect(existsSync(join(folder.path, "ready.db"))).toBe(false);
    await segno("migrate", "apply", "--config", "ready.ts", "--yes");
    expect((await segno("keys", "status", "--config", "ready.ts")).code).toBe(0);
    const insists = await segno("keys", "status", "--config", "insists.ts", "--json");
    expect(insists.code).toBe(1);
    expect(insists.json()).toMatchObject({ error: { code: "already_started" } });
  });

  it("is left behind when it keeps servers and timers", async () => {
    const { code } = await segno("migrate", "plan", "--config", "busy.ts", "--json");
    expect(code).toBe(1);
  });

  it("what it throws later is told in one line, too", async () => {
    const { code, stderr } = await segno("migrate", "plan", "--config", "late.ts");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^segno: thrown later\n {2}fix: .*\n {2}docs: .*\n$/);
  });
});

it("ends quietly when nobody reads on", () => {
  const script = `${[process.execPath, ...command].join(" ")} migrate plan | head -1`;
  const { stdout, stderr } = spawnSync("sh", ["-c", script], {
    cwd: folder.path,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  expect(stdout).toMatch(/^-- sqlite .*: pending\n$/);
  expect(stderr).toBe("");
});

describe("variables from a file", () => {
  it("are read, and a file that is not there is named", async () => {
    const read = await segno("migrate", "plan", "--env", ".env.test", "--json");
    expect(read.json()["database"]).toContain("from-file.db");
    const gone = await segno("migrate", "plan", "--env", ".env.gone", "--json");
    expect(gone.code).toBe(1);
    expect(gone.json()).toMatchObject({ error: { code: "env_file" } });
  });
});

const hasScript = spawnSync("script", ["--version"]).status === 0;
/** Presses the keys once the command has asked. */
function onTerminal(
  line: string,
  keys: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn("script", ["-qec", line, "/dev/null"], {
    cwd: folder.path,
    env: { PATH: process.env["PATH"] ?? "", SEGNO_DATABASE_URL: "./tty.db", TERM: "xterm", ...env },
    timeout: 15_000,
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    const hadAsked = text.includes("[y/N]");
    text += String(chunk);
    if (!hadAsked && text.includes("[y/N]")) child.stdin.write(keys);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}

describe.skipIf(!hasScript)("on a terminal", () => {
  const line = (args: string) => [process.execPath, ...command, args].join(" ");

  it("asks before it changes something, and takes only yes for yes", async () => {
    const no = await onTerminal(line("migrate apply"), "n\n");
    expect(no.text).toContain("Apply 0001 schema");
    expect(no.text).toContain("Nothing applied.");
    expect(no.code).toBe(1);
    const yes = await onTerminal(line("migrate apply"), "y\n");
    expect(yes.text).toContain("applied 0001 schema");
    expect(yes.code).toBe(0);
  });

  it("takes no answer for no, and Ctrl-C for the end", async () => {
    const none = await onTerminal(line("migrate apply"), "\u0004", { SEGNO_DATABASE_URL: "./tty2.db" });
    expect(none.text).toContain("Nothing applied.");
    expect(none.code).toBe(1);
    expect((await onTerminal(line("migrate apply"), "\u0003", { SEGNO_DATABASE_URL: "./tty2.db" })).code).toBe(130);
  });

  it("shows colours there, unless NO_COLOR is set", async () => {
    expect((await onTerminal(line("doctor"), "")).text).toContain("\u001b[32mok");
    expect((await onTerminal(line("doctor"), "", { NO_COLOR: "1" })).text).not.toContain("\u001b[32m");
  });
});

it("ends also when nobody reads what is said beside the answer", async () => {
  const child = spawn(process.execPath, [...command, "doctor", "--config", "noisy.ts"], {
    cwd: folder.path,
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.stderr.destroy();
  const ended = new Promise<string>((resolve) => child.once("exit", () => resolve("ended")));
  const tooLong = new Promise<string>((resolve) => setTimeout(() => resolve("goes on"), 15_000).unref());
  const outcome = await Promise.race([ended, tooLong]);
  child.kill("SIGKILL");
  expect(outcome).toBe("ended");
});
