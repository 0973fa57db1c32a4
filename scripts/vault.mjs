// A throw-away HashiCorp Vault for the tests, built from the Go module proxy: in memory, on a port of its own, nothing kept.
// Version 1.14.8 is the last one under the MPL, and the one OpenBao began from. It is built for tests and never shipped.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "scripts", "vault-server");
const cache = join(root, ".toolchain", "vault-server");
const modules = { vault: "github.com/hashicorp/vault@v1.14.8", sdk: "github.com/hashicorp/vault/sdk@v0.10.2" };
const buildMinutes = 20;

/**
 * What keeps the two published modules from fitting each other: Vault was released against an SDK between two versions.
 * Each is a rename or a check of plugins; none touches what the server answers.
 */
const patches = [
  {
    file: "vault/vault/eventbus/bus.go",
    from: "func (bus *pluginEventBus) Send(",
    to: "func (bus *pluginEventBus) SendEvent(",
  },
  {
    file: "sdk/framework/backend.go",
    from: "if p.ExistenceCheck == nil {\n\t\t\tif _, ok",
    to: "if false {\n\t\t\tif _, ok",
  },
];
const originalBody = `package logical

import (
	"context"
	"io"
)

type ctxKeyOriginalBody struct{}

func ContextOriginalBodyValue(ctx context.Context) (io.ReadCloser, bool) {
	value, ok := ctx.Value(ctxKeyOriginalBody{}).(io.ReadCloser)
	return value, ok
}

func CreateContextOriginalBody(parent context.Context, body io.ReadCloser) context.Context {
	return context.WithValue(parent, ctxKeyOriginalBody{}, body)
}
`;

/**
 * Starts a server, unsealed and empty.
 * @param {{ mayBuild: boolean }} options the first build takes minutes and fetches some hundred megabytes
 * @returns {Promise<{ address: string, rootToken: string, unsealKey: string, version: string, stop: () => void } | { missing: string }>}
 */
export async function startVault({ mayBuild }) {
  const binary = join(cache, `vault-${sourceHash()}`);
  if (!existsSync(binary)) {
    const go = findGo();
    if (go === undefined) return { missing: "Vault is not built, and Go was not found to build it" };
    if (!mayBuild) return { missing: "Vault is not built; SEGNO_REQUIRE_PEERS=1 builds it, once, in some minutes" };
    build(go, binary);
  }
  const child = spawn(binary, [], { stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (text) => {
    complaints = (complaints + text).slice(-4000);
  });
  const told = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Vault ended with ${code}.\n${complaints}`)));
  });
  const stop = () => child.kill("SIGKILL");
  return { ...JSON.parse(told), version: modules.vault.split("@v")[1], stop };
}

function findGo() {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/go/bin", "/usr/lib/go/bin"];
  return folders.map((folder) => join(folder, "go")).find((file) => existsSync(file));
}

/** The same sources give the same name, so that a change is built anew. */
function sourceHash() {
  const hash = createHash("sha256").update(JSON.stringify([modules, patches, originalBody]));
  for (const file of ["main.go", "go.mod", "go.sum"]) hash.update(readFileSync(join(program, file)));
  return hash.digest("hex").slice(0, 16);
}

function build(go, binary) {
  console.log("segno: building Vault from the Go module proxy: about a minute with a warm Go cache, six without");
  mkdirSync(cache, { recursive: true });
  const env = { ...process.env, GOFLAGS: "-mod=readonly -buildvcs=false", GOTOOLCHAIN: "local", CGO_ENABLED: "0" };
  const run = (args, cwd) =>
    execFileSync("nice", ["-n", "10", go, ...args], {
      cwd,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
      timeout: buildMinutes * 60_000,
      maxBuffer: 64 << 20,
    });
  for (const [name, module] of Object.entries(modules)) {
    const { Dir } = JSON.parse(run(["mod", "download", "-json", module], cache));
    const target = join(cache, name);
    rmSync(target, { recursive: true, force: true });
    cpSync(Dir, target, { recursive: true });
    execFileSync("chmod", ["-R", "u+w", target]);
  }
  for (const { file, from, to } of patches) {
    const text = readFileSync(join(cache, file), "utf8");
    if (!text.includes(from)) throw new Error(`${file} of Vault is not what was expected`);
    writeFileSync(join(cache, file), text.replaceAll(from, to));
  }
  writeFileSync(join(cache, "sdk", "logical", "original_body.go"), originalBody);
  const made = `${binary}.${process.pid}`;
  run(["build", "-trimpath", "-ldflags=-s -w", "-o", made, "."], program);
  chmodSync(made, 0o755);
  renameSync(made, binary);
}
