// The published packages, and how they are packed.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packed = join(root, ".toolchain", "packed");

/** @returns {{ name: string, short: string, folder: string, manifest: any }[]} what each package needs before itself */
export function publicPackages() {
  const all = readdirSync(join(root, "packages"))
    .map((short) => ({ short, folder: join(root, "packages", short) }))
    .filter(({ folder }) => existsSync(join(folder, "package.json")))
    .map((entry) => ({ ...entry, manifest: JSON.parse(readFileSync(join(entry.folder, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map((entry) => ({ ...entry, name: entry.manifest.name }));
  const ordered = [];
  const visit = (entry) => {
    if (entry === undefined || ordered.includes(entry)) return;
    for (const dependency of Object.keys(entry.manifest.dependencies ?? {}))
      visit(all.find(({ name }) => name === dependency));
    ordered.push(entry);
  };
  all.forEach(visit);
  return ordered;
}

/** Packs every package afresh. @returns {Map<string, string>} tarball by package name */
export function packAll() {
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(packed, { recursive: true });
  for (const { folder } of publicPackages()) run("pnpm", ["pack", "--pack-destination", packed], { cwd: folder });
  return tarballs();
}

/** @returns {Map<string, string>} the tarballs of the last packing, by package name; packs when there is none */
export function tarballs() {
  const found = new Map();
  for (const { name, manifest } of publicPackages()) {
    const file = join(packed, `${name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
    if (!existsSync(file)) return packAll();
    found.set(name, file);
  }
  return found;
}

/** Unpacks every tarball as node_modules of a folder, beside the third-party packages the workspace installed. */
export function unpackInto(folder, linkDependency) {
  for (const [name, file] of tarballs()) {
    const target = join(folder, "node_modules", name);
    mkdirSync(target, { recursive: true });
    run("tar", ["-xzf", file, "-C", target, "--strip-components=1"]);
  }
  for (const { folder: at, manifest } of publicPackages()) {
    for (const name of Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.devDependencies,
    })) {
      if (!name.startsWith("@segno/")) linkDependency(name, join(at, "node_modules", name));
    }
  }
}

/** Runs a command; its output is shown only when it fails. */
export function run(command, args, { cwd = root, env = process.env } = {}) {
  try {
    return execFileSync(command, args, {
      cwd,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")} (in ${cwd}) failed:\n${error.stdout ?? ""}${error.stderr ?? ""}`, {
      cause: error,
    });
  }
}
