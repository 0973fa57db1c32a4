// What the documentation must agree with: the README's map of the house, and a runbook for every alert. Used by check-docs.mjs.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageArrows } from "./import-rules.mjs";

/**
 * The map in the README names every package, and each arrow is a dependency of that package's package.json and back.
 * @param {string} root the workspace
 * @returns {string[]} one line per fault
 */
export function checkHouse(root) {
  const faults = [];
  const map = /```text\npackages\/\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
  const drawn = new Map();
  for (const [, name, text] of map.matchAll(/^ {2}(\w+)\/ (.*)$/gm)) {
    const arrows = /-> (.*)$/.exec(text)?.[1] ?? "";
    drawn.set(
      name,
      arrows
        .split(",")
        .map((target) => target.trim())
        .filter((target) => target !== ""),
    );
  }
  const shorts = globSync("packages/*/package.json", { cwd: root }).map((file) => file.split(/[\\/]/)[1]);
  for (const short of shorts) {
    const manifest = JSON.parse(readFileSync(join(root, "packages", short, "package.json"), "utf8"));
    const wanted = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).map(shortOf);
    const arrows = drawn.get(short);
    if (arrows === undefined) {
      faults.push(`README.md: the map of the house does not show packages/${short}`);
      continue;
    }
    for (const target of wanted)
      if (!arrows.includes(target)) faults.push(`README.md: the map does not show ${short} -> ${target}`);
    for (const target of arrows) {
      if (!wanted.includes(target))
        faults.push(`README.md: the map shows ${short} -> ${target}, which package.json does not`);
      if (!(packageArrows[short] ?? []).map(shortOf).includes(target))
        faults.push(`README.md: the map shows ${short} -> ${target}, which scripts/import-rules.mjs forbids`);
    }
  }
  for (const short of drawn.keys())
    if (!shorts.includes(short)) faults.push(`README.md: the map shows packages/${short}, which is not there`);
  return faults;
}

const shortOf = (name) => name.replace(/^@segno\//, "");

/**
 * Every `risk.alert` kind of the engine has a page in docs/runbooks that names it, and no page names a kind that is not.
 * @param {string} root the workspace
 * @returns {string[]} one line per fault
 */
export function checkRunbooks(root) {
  const faults = [];
  const kinds = new Set();
  const sources = globSync("packages/server/src/**/*.ts", { cwd: root });
  for (const file of sources.filter((path) => !/\.(test|double)\.ts$/.test(path))) {
    const source = readFileSync(join(root, file), "utf8");
    for (const { index } of source.matchAll(/"risk\.alert"/g)) {
      // a list of event names raises nothing
      if (/new Set\(\[[^\]]*$/.test(source.slice(0, index))) continue;
      // neither does a row of a table of them
      if (source.startsWith('"risk.alert":', index) || source[index - 1] === "[") continue;
      // nor whoever reads one
      if (source.slice(0, index).endsWith("=== ")) continue;
      const kind = kindOf(source.slice(index), source);
      if (kind === undefined) faults.push(`${file}: raises a risk.alert whose kind cannot be read from the source`);
      else kinds.add(kind);
    }
  }
  if (kinds.size === 0) faults.push("packages/server/src: raises no risk.alert that this check could find");
  for (const kind of kinds) {
    const page = `docs/runbooks/${kind.replaceAll("_", "-")}.md`;
    if (!existsSync(join(root, page))) faults.push(`${page}: is missing: the engine raises risk.alert "${kind}"`);
    else if (!readFileSync(join(root, page), "utf8").includes(`\`data.kind = "${kind}"\``))
      faults.push(`${page}: does not say \`data.kind = "${kind}"\``);
  }
  for (const page of globSync("docs/runbooks/*.md", { cwd: root }))
    for (const [, kind] of readFileSync(join(root, page), "utf8").matchAll(/`data\.kind = "(\w+)"`/g))
      if (!kinds.has(kind)) faults.push(`${page}: tells of risk.alert "${kind}", which nothing raises`);
  return faults;
}

/** The kind in the data of `append(trx, "risk.alert", actor, data)` or `{ type: "risk.alert", data }`: written there, or by name. */
function kindOf(from, source) {
  const data = /^"risk\.alert",\s*(?:data: ([^}]*)\}|([\s\S]*?)\);\n)/.exec(from);
  const rest = data?.[1] ?? data?.[2] ?? "";
  const literal = /kind: "(\w+)"/.exec(rest)?.[1];
  if (literal !== undefined) return literal;
  const name = /(\w+)\s*$/.exec(rest)?.[1] ?? "";
  return new RegExp(`const ${name} = \\{ kind: "(\\w+)"`).exec(source)?.[1];
}
