import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { makeFolder, runCli } from "../../test/run-cli.js";

const root = new URL("../../../../", import.meta.url);
const demo = new URL("examples/quickstart/segno.ts", root).pathname;
const folder = makeFolder({
  // the demo's own configuration, as its server opens it
  "service.ts": `import { openSegno } from ${JSON.stringify(demo)};
export const segno = openSegno("http://localhost:3000");
await segno.ready({ background: true });
await segno.api.audit.settle();
await segno.close();
`,
});
afterAll(folder.remove);

const isInstalled = existsSync(new URL("examples/quickstart/node_modules/@segno/server", root));
if (!isInstalled && process.env["SEGNO_REQUIRE_PEERS"] === "1") throw new Error("the quickstart is not installed");
if (!isInstalled) it.skip("skipped: the quickstart is not installed (npm start installs it)", () => {});

it.skipIf(!isInstalled)(
  "R099: the quickstart's log verifies as its README says, and with one byte changed it does not",
  async () => {
    const env = { SEGNO_AUDIT: "on", NODE_ENV: "development", SEGNO_TRUSTED_PROXIES: "socket" };
    const segno = (...args: readonly string[]) => runCli(args, { cwd: folder.path, env });
    await segno("doctor", "--config", "service.ts");
    expect((await segno("audit", "list")).stdout).toContain("key.created");
    expect((await segno("audit", "export", "./audit")).code).toBe(0);
    const status = (await segno("audit", "status", "--json")).json() as { readonly status: { readonly keys: string } };
    folder.write("keys.txt", status.status.keys);
    const sound = await segno("audit", "verify", "./audit", "--keys", "keys.txt");
    expect(sound.stdout).toContain("The log is sound.");
    expect(sound.code).toBe(0);
    // the very line of the README
    const readme = readFileSync(new URL("examples/quickstart/README.md", root), "utf8");
    const line = readme.split("\n").find((text) => text.startsWith("printf X")) ?? "false";
    expect(spawnSync("sh", ["-c", line], { cwd: folder.path }).status).toBe(0);
    const changed = await segno("audit", "verify", "./audit", "--keys", "keys.txt");
    expect(changed.stdout).toMatch(/leaf_changed in tile\/entries\/.*the leaf is not what was logged/);
    expect(changed.code).toBe(1);
  },
);
