// The application as somebody has it who installed Segno: from tarballs, in a folder outside the workspace.
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Package {
  readonly name: string;
  readonly folder: string;
  readonly manifest: { readonly version: string; readonly dependencies?: Readonly<Record<string, string>> };
}
const scripts = new URL("../../scripts/", import.meta.url);
const { publicPackages, run } = (await import(new URL("packages.mjs", scripts).href)) as {
  publicPackages(): Package[];
  run(command: string, args: readonly string[], options?: { readonly cwd: string }): string;
};

const here = fileURLToPath(new URL(".", import.meta.url));
const needed = ["@segno/core", "@segno/server", "@segno/express"];

/** Packs the packages, unpacks them under the folder, and puts the application beside them. @returns its entry */
export function installApp(folder: string): string {
  const packages = publicPackages().filter(({ name }) => needed.includes(name));
  for (const { name, folder: source, manifest } of packages) {
    run("pnpm", ["pack", "--pack-destination", folder], { cwd: source });
    const tarball = join(folder, `${name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
    const target = join(folder, "node_modules", name);
    mkdirSync(target, { recursive: true });
    run("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
    for (const dependency of Object.keys(manifest.dependencies ?? {})) link(folder, source, dependency);
  }
  for (const dependency of installedIn(join(here, "node_modules"))) link(folder, here, dependency);
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
  for (const file of ["app.ts", "segno.ts"]) copyFileSync(join(here, file), join(folder, file));
  return join(folder, "app.ts");
}

/** What is not ours comes from where the workspace has it. */
function link(folder: string, from: string, name: string): void {
  if (name.startsWith("@segno/")) return;
  const path = join(folder, "node_modules", name);
  mkdirSync(dirname(path), { recursive: true });
  try {
    symlinkSync(join(from, "node_modules", name), path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function installedIn(modules: string): string[] {
  return readdirSync(modules).flatMap((name) =>
    name.startsWith("@")
      ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`)
      : name.startsWith(".")
        ? []
        : [name],
  );
}
