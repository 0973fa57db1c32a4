// Runs a block of the documentation as it stands there.
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { compileFunction } from "node:vm";

/**
 * Runs the block of a page whose first line is `// NAME`, and answers what it exports.
 * @param modules what its imports get, for example a sink that is told where the test's receiver is
 */
export async function runDocsBlock(
  page: string,
  name: string,
  modules: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Promise<Readonly<Record<string, unknown>>> {
  const source = stripTypeScriptTypes(docsBlock(page, name));
  const exported: string[] = [];
  const code = source
    .replaceAll(/^import (\{[^}]*\}) from "([^"]+)";$/gm, (_line, names: string, from: string) => {
      if (modules[from] === undefined) throw new Error(`${name} imports ${from}, which the test does not give.`);
      return `const ${names.replaceAll(" as ", ": ")} = modules["${from}"];`;
    })
    .replaceAll(/^export (const|async function|function) (\w+)/gm, (_line, kind: string, what: string) => {
      exported.push(what);
      return `${kind} ${what}`;
    });
  const run = compileFunction(`return (async () => { ${code}\nreturn { ${exported.join()} }; })();`, ["modules"]) as (
    given: typeof modules,
  ) => Promise<Readonly<Record<string, unknown>>>;
  return await run(modules);
}

function docsBlock(page: string, name: string): string {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), "utf8");
  for (const [, code = ""] of text.matchAll(/^```tsx?\n([\s\S]*?)^```$/gm))
    if (code.startsWith(`// ${name}\n`)) return code;
  throw new Error(`docs/${page} has no block that begins with "// ${name}".`);
}
