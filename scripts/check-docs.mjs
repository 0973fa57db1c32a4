// Type-checks every ts and tsx block of the documentation, and every @example of a doc comment, against the packages; holds
// links, the map in the README and the runbooks against what is there.
//   ```ts               a module of its own; a first line `// segno.ts` gives it that name, so that later blocks can import it
//   <!-- check: with
//   declare const app: import("express").Express;
//   -->                 what the next block takes for granted
//   <!-- check: skip because ... -->   leaves the next block out; counted and printed
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { examples, missingExamples } from "./docs-examples.mjs";
import { checkHouse, checkRunbooks } from "./docs-rules.mjs";
import { publicPackages, root, run } from "./packages.mjs";

const work = join(root, ".toolchain", "docs-check");
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
const pages = process.argv.length > 2 ? process.argv.slice(2) : defaultPages();
const origins = new Map();
const skipped = [];
let blocks = 0;

const { paths } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")).compilerOptions;
for (const page of pages) extract(page);
const comments = process.argv.length > 2 ? [] : examples(root, paths);
for (const example of comments)
  put(`example:${example.file}`, example.line, "example.tsx", example.source, {
    page: example.file,
    line: example.line - 2,
  });
installDependencies();
writeConfig();
const problems = [
  ...typeErrors(),
  ...brokenLinks(),
  ...checkHouse(root),
  ...checkRunbooks(root),
  ...missingExamples(root, paths),
];
for (const line of skipped) console.log(`  skipped: ${line}`);
for (const line of problems) console.error(`  ${line}`);
console.log(
  `segno: documentation: ${pages.length} pages, ${blocks} blocks and ${comments.length} examples checked, ${skipped.length} skipped, ${problems.length} problems`,
);
process.exitCode = problems.length > 0 ? 1 : 0;

function defaultPages() {
  const patterns = ["*.md", "docs/**/*.md", "packages/*/README.md", "examples/*/README.md"];
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((file) => !file.includes("node_modules") && !/^docs\/(reference|site\/dist)\//.test(file))
    .sort();
}

/** Writes the blocks of a page as files; a name that comes again opens a new scene, which starts as a copy of the last. */
function extract(page) {
  const text = readFileSync(join(root, page), "utf8");
  const named = new Map();
  let scene = 0;
  const pattern = /(?:<!--\s*check:\s*(skip|with)\b([\s\S]*?)-->\s*)?^[ \t]*```(tsx?)\b[^\n]*\n([\s\S]*?)^[ \t]*```/gm;
  for (const match of text.matchAll(pattern)) {
    const [, order, detail = "", language, code] = match;
    const line = text.slice(0, match.index + match[0].indexOf("```")).split("\n").length;
    if (order === "skip") {
      skipped.push(`${page}:${line}: ${detail.trim() || "no reason given"}`);
      if (!detail.trim()) origins.set(`${page}:${line}`, undefined);
      continue;
    }
    blocks += 1;
    const name =
      code.match(/^\/\/ ([\w./[\]-]+\.tsx?)\s*$/m)?.index === 0
        ? code.match(/^\/\/ ([\w./[\]-]+\.tsx?)/)[1]
        : undefined;
    if (name !== undefined && named.has(name)) {
      scene += 1;
      for (const [other, source] of named) put(page, scene, other, source, undefined);
    }
    const before = order === "with" ? `${detail.trim()}\n` : "";
    const source = `${before}${code}\nexport {};\n`;
    if (name !== undefined) named.set(name, source);
    put(page, scene, name ?? `block-${line}.${language}`, source, { page, line: line - before.split("\n").length + 1 });
  }
}

function put(page, scene, name, source, origin) {
  const file = join(page.replaceAll(/[^\w]/g, "_"), `scene-${scene}`, name);
  mkdirSync(dirname(join(work, file)), { recursive: true });
  writeFileSync(join(work, file), source);
  if (origin !== undefined) origins.set(file, origin);
}

/** What the blocks may import: the packages by their source, and what the packages and examples have installed. */
function installDependencies() {
  const folders = [
    ...publicPackages().map(({ folder }) => folder),
    ...globSync("{examples/*,bench,docs}", { cwd: root }).map((folder) => join(root, folder)),
  ];
  for (const folder of folders) {
    const manifest = join(folder, "package.json");
    if (!existsSync(manifest)) continue;
    const { dependencies, devDependencies, peerDependencies } = JSON.parse(readFileSync(manifest, "utf8"));
    for (const name of Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies })) {
      const target = join(folder, "node_modules", name);
      const path = join(work, "node_modules", name);
      if (name.startsWith("@segno/") || existsSync(path) || !existsSync(target)) continue;
      mkdirSync(dirname(path), { recursive: true });
      symlinkSync(target, path);
    }
  }
}

function writeConfig() {
  const absolute = Object.fromEntries(Object.entries(paths).map(([name, [file]]) => [name, [join(root, file)]]));
  const options = {
    noEmit: true,
    declaration: false,
    isolatedDeclarations: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    erasableSyntaxOnly: false,
    allowImportingTsExtensions: true,
    lib: ["ES2024", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
    types: ["node"],
    paths: absolute,
  };
  // Bundlers and frameworks bring this one.
  writeFileSync(join(work, "styles.d.ts"), 'declare module "*.css";\n');
  // Users bring nodemailer: only the call that the examples make is known here.
  const transport = 'function createTransport(url?: string): import("@segno/server").NodemailerTransporter;';
  writeFileSync(
    join(work, "nodemailer.d.ts"),
    `declare module "nodemailer" { ${transport} const all: { createTransport: typeof createTransport }; export default all; }\n`,
  );
  writeFileSync(join(work, "package.json"), '{ "type": "module", "private": true }');
  writeFileSync(
    join(work, "tsconfig.json"),
    JSON.stringify(
      {
        extends: "../../tsconfig.base.json",
        compilerOptions: options,
        include: ["**/*.ts", "**/*.tsx"],
        exclude: ["node_modules"],
      },
      null,
      2,
    ),
  );
}

function typeErrors() {
  try {
    run(join(root, "node_modules", ".bin", "tsc"), ["-p", work, "--pretty", "false"], { cwd: work });
    return [];
  } catch (error) {
    const lines = error.message.split("\n").filter((line) => /error TS/.test(line));
    return lines.length === 0 ? [error.message] : lines.filter((line) => !line.startsWith("..")).map(inThePage);
  }
}

/** `page_md/scene-0/segno.ts(3,5): error ...` as the line of the page. */
function inThePage(line) {
  const [, file, at, rest] = line.match(/^(.+?)\((\d+),\d+\): (.*)$/) ?? [];
  const origin = origins.get(file);
  return origin === undefined ? line : `${origin.page}:${origin.line + Number(at)}: ${rest}`;
}

/** Relative links lead somewhere. */
function brokenLinks() {
  const broken = [];
  for (const page of pages) {
    const text = readFileSync(join(root, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:|#)/.test(target)) continue;
      const file = join(root, dirname(page), decodeURIComponent(target.split("#")[0]));
      if (!existsSync(file)) broken.push(`${page}: links to ${relative(root, file)}, which is not there`);
    }
  }
  for (const [place, origin] of origins)
    if (origin === undefined) broken.push(`${place}: a skipped block must say why`);
  return broken;
}
