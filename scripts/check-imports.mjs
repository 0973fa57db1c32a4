// Holds every import of the packages against import-rules.mjs.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { compositionRoot, packageArrows, serverInfrastructure, withoutNode } from "./import-rules.mjs";

/**
 * @param {string} root the workspace
 * @returns {{ files: number, violations: string[] }}
 */
export function checkImports(root) {
  const violations = [];
  /** Which files a file needs at run time. oxlint's own rule does not follow `.js` to a `.tsx` file. */
  const graph = new Map();
  let files = 0;
  for (const name of readdirSync(join(root, "packages")).sort()) {
    const source = join(root, "packages", name, "src");
    if (!existsSync(source)) continue;
    const arrows = packageArrows[name];
    if (arrows === undefined) violations.push(`packages/${name}: has no row in scripts/import-rules.mjs`);
    for (const file of readdirSync(source, { recursive: true })) {
      const path = file.split(sep).join("/");
      if (!/\.tsx?$/.test(path)) continue;
      files += 1;
      const isTest = /\.(test|test-d|double|suite)\.tsx?$/.test(path);
      for (const entry of importsOf(readFileSync(join(source, file), "utf8"))) {
        const reason = forbidden({ name, path, isTest, arrows: arrows ?? [], ...entry });
        if (reason !== undefined)
          violations.push(`packages/${name}/src/${path}:${entry.line}: imports "${entry.from}": ${reason}`);
        if (entry.isType || isTest || !entry.from.startsWith(".")) continue;
        const target = posix.normalize(posix.join(posix.dirname(path), entry.from)).replace(/\.js$/, "");
        const from = `packages/${name}/src/${path.replace(/\.tsx?$/, "")}`;
        graph.set(from, [...(graph.get(from) ?? []), `packages/${name}/src/${target}`]);
      }
    }
  }
  violations.push(...cyclesOf(graph));
  return { files, violations };
}

/** One line for each import that closes a circle. */
function cyclesOf(graph) {
  const found = [];
  const done = new Set();
  const walk = (file, way) => {
    if (way.includes(file)) found.push(`${[...way.slice(way.indexOf(file)), file].join(" -> ")}: a cycle`);
    if (way.includes(file) || done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return found;
}

/** Why this import may not be, or undefined. */
function forbidden(entry) {
  if (entry.isStar) return "`export *` hides what is public: list the names";
  if (entry.from.startsWith(".")) return forbiddenPath(entry);
  return entry.isTest ? undefined : forbiddenPackage(entry);
}

function forbiddenPackage({ name, path, from, arrows }) {
  if (from === "#crypto" && name === "core") return undefined;
  if (from.startsWith("node:")) return forbiddenBuiltIn(name, path, from);
  const target = from.startsWith("@") ? from.split("/").slice(0, 2).join("/") : from.split("/")[0];
  return arrows.includes(target) ? undefined : `${name} may only import ${arrows.join(", ")}`;
}

function forbiddenBuiltIn(name, path, from) {
  const allowed = withoutNode[name];
  if (allowed === undefined || allowed.includes(path)) return undefined;
  const where = allowed.length > 0 ? `only ${allowed.join(", ")} may import ${from}` : "no Node built-ins";
  return `${name} also runs where Node does not: ${where}`;
}

function forbiddenPath({ name, path, from, isTest, isType }) {
  const target = posix.normalize(posix.join(posix.dirname(path), from));
  if (target.startsWith("..")) return isTest ? undefined : "reaches outside its package: import the package by name";
  return name === "server" && !isTest ? forbiddenInServer(path, target, isType) : undefined;
}

function forbiddenInServer(path, target, isType) {
  const here = domainOf(path);
  const there = domainOf(target);
  if (there === undefined || here === there) return undefined;
  if (here === undefined) {
    if (compositionRoot.includes(path)) return undefined;
    if (serverInfrastructure.includes(there) || isType) return undefined;
    return `only ${compositionRoot.join(" and ")} know every domain (a type import is fine)`;
  }
  if (/(^|\/)store\.js$/.test(target)) return "a store belongs to its domain: call a verb of that domain's index.ts";
  if (serverInfrastructure.includes(there)) {
    const isInside = there === "storage" && target !== "storage/index.js" && !isType;
    return isInside ? "storage is entered through its index.ts (a type import is fine)" : undefined;
  }
  if (serverInfrastructure.includes(here)) return `${here} knows no domain`;
  return target === `${there}/index.js` ? undefined : `the domain ${there} is entered through its index.ts`;
}

function domainOf(path) {
  const parts = path.split("/");
  return parts.length > 1 ? parts[0] : undefined;
}

/** The import statements of a formatted source file: they start a line, and comments do not. */
function importsOf(source) {
  const found = [];
  const add = (match, from, isType, isStar) =>
    found.push({ from, isType, isStar, line: source.slice(0, match.index).split("\n").length });
  for (const match of source.matchAll(/^(?:import|export)\b([^;"'`]*?)\bfrom\s*["']([^"']+)["']/gm)) {
    add(match, match[2], /^\s*type\b/.test(match[1]), match[0].startsWith("export") && /^\s*\*/.test(match[1]));
  }
  for (const match of source.matchAll(/^import\s*["']([^"']+)["']/gm)) add(match, match[1], false, false);
  for (const match of source.matchAll(/^(?!\s*(?:\/\/|\*|\/\*)).*?\bimport\(\s*["']([^"']+)["']/gm)) {
    add(match, match[1], /\btypeof\s+import\(|[:<|]\s*import\(/.test(match[0]), false);
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url))));
  const { files, violations } = checkImports(root);
  for (const line of violations) console.error(line);
  console.log(
    `segno: import rules: ${files} files under ${relative(process.cwd(), root) || "."}, ${violations.length} violations`,
  );
  process.exitCode = violations.length > 0 ? 1 : 0;
}
