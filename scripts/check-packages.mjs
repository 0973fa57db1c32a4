// What must hold for the packages as they are published. One check by name, or all of them:
//   node scripts/check-packages.mjs [publint|attw|declarations|exports|bundles|weight|banners|licence|changeset]
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import * as budgets from "./package-budgets.mjs";
import { packAll, publicPackages, root, run, tarballs, unpackInto } from "./packages.mjs";

let consumerFolder;
const checks = {
  publint: checkPublint,
  attw: checkAttw,
  declarations: checkDeclarations,
  exports: checkExports,
  bundles: checkBundles,
  weight: checkWeight,
  banners: checkBanners,
  licence: checkLicence,
  changeset: checkChangeset,
};
const bin = (name) => join(root, "node_modules", ".bin", name);

/** `"."` and `"./server"` to what one writes after `from`. Entries that are no modules are left out. */
function entriesOf({ name, manifest }) {
  return Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object")
    .map(([path, target]) => ({ specifier: name + path.slice(1), file: target.default }));
}

async function checkPublint() {
  const problems = [];
  for (const { name, manifest } of publicPackages()) {
    const tarball = readFileSync(tarballs().get(name));
    const { messages } = await publint({
      pack: { tarball: tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength) },
      strict: true,
    });
    for (const message of messages) problems.push(`${name}: ${formatMessage(message, manifest, { color: false })}`);
  }
  return problems;
}

async function checkAttw() {
  const problems = [];
  for (const { name, manifest } of publicPackages()) {
    const assets = Object.entries(manifest.exports).filter(
      ([path, target]) => typeof target === "string" && path !== "./package.json",
    );
    const exclude = assets.length > 0 ? ["--exclude-entrypoints", ...assets.map(([path]) => path.slice(2))] : [];
    try {
      run(bin("attw"), [tarballs().get(name), "--profile", "esm-only", "--no-color", "--no-emoji", ...exclude]);
    } catch (error) {
      problems.push(`${name}: ${error.message}`);
    }
  }
  return problems;
}

/** The declarations alone, without skipLibCheck, as strict consumers with unlike settings read them. */
async function checkDeclarations() {
  const folder = consumer();
  for (const name of ["node", "react", "react-dom"])
    link(join(root, "node_modules", "@types", name), join(folder, "node_modules", "@types", name));
  const problems = new Set();
  for (const environment of ["node", "browser", "both"]) {
    const packages = publicPackages().filter(({ name }) =>
      (budgets.declarationEnvironments[name] ?? ["both"]).includes(environment),
    );
    const entries = packages.flatMap(entriesOf);
    const source = entries.map(
      ({ specifier }, index) =>
        `import * as entry${index} from "${specifier}";\nexport const value${index} = entry${index};\n`,
    );
    for (const moduleResolution of ["bundler", "nodenext"]) {
      const config = join(folder, `tsconfig.${environment}.${moduleResolution}.json`);
      const file = `${environment}-${moduleResolution}.ts`;
      writeFileSync(join(folder, file), source.join(""));
      writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
      writeFileSync(config, JSON.stringify(consumerConfig(environment, moduleResolution, file)));
      for (const line of typeErrors(folder, config)) problems.add(`${environment}, ${moduleResolution}: ${line}`);
    }
  }
  return [...problems];
}

function consumerConfig(environment, moduleResolution, file) {
  const dom = ["ES2024", "DOM", "DOM.Iterable", "DOM.AsyncIterable"];
  return {
    compilerOptions: {
      target: "ES2023",
      module: moduleResolution === "bundler" ? "ESNext" : "NodeNext",
      moduleResolution,
      lib: environment === "node" ? ["ES2024"] : dom,
      types: environment === "browser" ? [] : ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      declaration: true,
      skipLibCheck: false,
      noEmit: true,
      preserveSymlinks: false,
      jsx: "react-jsx",
    },
    files: [file],
  };
}

/** Faults of third-party declarations are theirs; ours are ours. */
function typeErrors(folder, config) {
  try {
    run(bin("tsc"), ["-p", config, "--pretty", "false"], { cwd: folder });
    return [];
  } catch (error) {
    const lines = error.message.split("\n").filter((line) => /error TS/.test(line));
    return lines.filter((line) => !line.includes("node_modules/") || line.startsWith("node_modules/@segno/"));
  }
}

/** A frozen list of names beside each package, and not too many of them. */
async function checkExports() {
  const problems = [];
  for (const entry of publicPackages()) {
    const frozen = readdirSync(join(entry.folder, "src"), { recursive: true }).filter((file) =>
      /(^|\/)exports\.test\.tsx?$/.test(file),
    );
    if (frozen.length === 0)
      problems.push(`${entry.name}: src/exports.test.ts is missing (the frozen list of public names)`);
    for (const { specifier, file } of entriesOf(entry)) {
      const from = join(entry.folder, file);
      if (!existsSync(from)) {
        problems.push(`${specifier}: ${file} was not built`);
        continue;
      }
      const { metafile } = await build({
        entryPoints: [from],
        bundle: true,
        format: "esm",
        write: false,
        metafile: true,
        packages: "external",
        platform: "node",
        external: ["#*"],
        outdir: "out",
      });
      const names = Object.values(metafile.outputs).flatMap((output) => output.exports);
      const budget = budgets.exportBudgets[specifier] ?? budgets.exportBudgets[entry.name] ?? 2;
      if (names.includes("default")) problems.push(`${specifier}: exports a default`);
      if (specifier === entry.name || entry.name === "@segno/next") {
        if (names.length > budget)
          problems.push(`${specifier}: exports ${names.length} values, the budget is ${budget}: ${names.join(", ")}`);
      }
    }
  }
  return problems;
}

async function bundle(source) {
  const result = await build({
    stdin: { contents: source, resolveDir: consumer(), loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
    splitting: true,
    outdir: "out",
    logLevel: "silent",
    external: ["react", "react-dom", "react/jsx-runtime", "next", "next/*"],
  });
  const eager = eagerOutputs(result.metafile.outputs);
  const files = result.outputFiles.filter(({ path }) => [...eager].some((name) => path.endsWith(name)));
  return {
    text: result.outputFiles.map(({ text }) => text).join("\n"),
    bytes: files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).byteLength, 0),
    inputs: Object.keys(result.metafile.inputs),
  };
}

/** The entry and what it imports at once; what is behind import() is loaded when it is needed, and not counted. */
function eagerOutputs(outputs) {
  const eager = new Set(Object.keys(outputs).filter((name) => outputs[name].entryPoint === "<stdin>"));
  for (const name of eager) {
    for (const { path, kind } of outputs[name].imports)
      if (kind === "import-statement" && outputs[path]) eager.add(path);
  }
  return eager;
}

/** Nothing of the server, of Node or of private keys reaches a browser. */
async function checkBundles() {
  const problems = [];
  for (const specifier of budgets.browserEntries) {
    try {
      const { text, inputs } = await bundle(`export * from "${specifier}";`);
      for (const input of inputs.filter((file) => budgets.forbiddenModules.test(file)))
        problems.push(`${specifier}: bundles ${input}`);
      for (const word of budgets.forbiddenWords) {
        const found = text.match(new RegExp(`.{0,40}${word.source}.{0,20}`, word.flags));
        if (found) problems.push(`${specifier}: contains ${word}: ...${found[0]}...`);
      }
    } catch (error) {
      problems.push(`${specifier}: does not bundle for a browser: ${error.message.split("\n").slice(0, 6).join("\n")}`);
    }
  }
  return problems;
}

async function checkWeight() {
  const problems = [];
  for (const { what, source, without, maxKb } of budgets.weightBudgets) {
    try {
      const base = without === undefined ? 0 : (await bundle(without)).bytes;
      const kb = ((await bundle(source)).bytes - base) / 1000;
      console.log(`  ${what.padEnd(34)} ${kb.toFixed(2).padStart(6)} kB of ${maxKb} kB`);
      if (kb > maxKb) problems.push(`${what}: ${kb.toFixed(2)} kB gzip, the budget is ${maxKb} kB`);
    } catch (error) {
      problems.push(`${what}: ${error.message.split("\n").slice(0, 6).join("\n")}`);
    }
  }
  return problems;
}

async function checkBanners() {
  const problems = [];
  for (const [file, isClient] of Object.entries(budgets.banners)) {
    const path = join(root, file);
    if (!existsSync(path)) problems.push(`${file}: was not built`);
    else if (readFileSync(path, "utf8").startsWith('"use client"') !== isClient) {
      problems.push(`${file}: ${isClient ? 'must start with "use client"' : 'must not start with "use client"'}`);
    }
  }
  return problems;
}

/** The licence travels with each package, tests and sources do not, and nothing runs at installation. */
async function checkLicence() {
  const problems = [];
  for (const { name, manifest } of publicPackages()) {
    const files = run("tar", ["-tzf", tarballs().get(name)]).split("\n");
    for (const wanted of ["package/LICENSE", "package/README.md", "package/package.json"]) {
      if (!files.includes(wanted)) problems.push(`${name}: the tarball has no ${wanted}`);
    }
    const strange = files.filter((file) => /\.(test|test-d|double|suite)\.|\/src\/|tsup\.config|tsconfig/.test(file));
    if (strange.length > 0) problems.push(`${name}: the tarball carries ${strange.slice(0, 5).join(", ")}`);
    const hooks = ["preinstall", "install", "postinstall"].filter((hook) => manifest.scripts?.[hook] !== undefined);
    if (hooks.length > 0) problems.push(`${name}: runs ${hooks.join(", ")} on the machine of who installs it`);
    if (/workspace:|catalog:/.test(run("tar", ["-xzOf", tarballs().get(name), "package/package.json"])))
      problems.push(`${name}: the packed manifest names the workspace`);
  }
  return problems;
}

/** One version for all, and a changeset while there is something unreleased. */
async function checkChangeset() {
  const problems = [];
  const versions = new Set(publicPackages().map(({ manifest }) => manifest.version));
  if (versions.size !== 1) problems.push(`the packages have several versions: ${[...versions].join(", ")}`);
  const pending = readdirSync(join(root, ".changeset")).filter((file) => file.endsWith(".md") && file !== "README.md");
  const isReleased = publicPackages().every(({ folder }) => existsSync(join(folder, "CHANGELOG.md")));
  if (pending.length === 0 && !isReleased) problems.push(".changeset has no changeset and nothing was released yet");
  try {
    const shown = run(bin("changeset"), ["status"]);
    const silent = publicPackages().filter(({ name }) => pending.length > 0 && !shown.includes(name));
    if (silent.length > 0)
      problems.push(
        `a release would leave out ${silent.map(({ name }) => name).join(", ")}: one fixed version for all`,
      );
  } catch (error) {
    problems.push(error.message);
  }
  return problems;
}

/** A folder outside the workspace with the packed packages installed, made once. */
function consumer() {
  if (consumerFolder === undefined) {
    consumerFolder = mkdtempSync(join(tmpdir(), "segno-packages-"));
    unpackInto(consumerFolder, (name, target) => link(target, join(consumerFolder, "node_modules", name)));
  }
  return consumerFolder;
}

function link(target, path) {
  if (existsSync(path) || !existsSync(target)) return;
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(checks, name));
if (unknown.length > 0)
  throw new TypeError(`no check named ${unknown.join(", ")}; there are ${Object.keys(checks).join(", ")}`);
packAll();
process.on("exit", () => consumerFolder && rmSync(consumerFolder, { recursive: true, force: true }));
let failures = 0;
for (const name of wanted.length > 0 ? wanted : Object.keys(checks)) {
  const problems = await checks[name]();
  failures += problems.length > 0 ? 1 : 0;
  console.log(`segno: ${name}: ${problems.length === 0 ? "holds" : `${problems.length} problems`}`);
  for (const problem of problems) console.error(`  ${problem}`);
}
if (process.env.SEGNO_COUNTS_FILE) {
  const count = wanted.length || Object.keys(checks).length;
  writeFileSync(process.env.SEGNO_COUNTS_FILE, JSON.stringify({ passed: count - failures, failed: failures }));
}
process.exitCode = failures > 0 ? 1 : 0;
