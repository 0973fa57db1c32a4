// The `@example` blocks of doc comments, as files that the compiler reads. What an example takes from a Segno package is
// imported for it by name; what it takes for granted (an app, a token) is in the list below.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What an example may take for granted, by name. */
const given = {
  segno: 'import("@segno/server").Segno',
  client: 'import("@segno/client").SegnoClient',
  app: 'import("express").Express',
  test: 'import("@segno/testing").TestSegno',
  flow: 'import("@segno/signin").SignInFlow',
  token: "string",
  proof: "string",
  nowSeconds: "number",
  publicJwk: 'import("@segno/core").PublicJwk',
  verifier: 'import("@segno/core").AccessTokenVerifier',
  claims: 'import("@segno/core").AccessTokenClaims',
  keys: 'import("@segno/core").KeySet',
  assertion: "string",
  isReplay: "() => Promise<boolean>",
  thumbprint: "string | undefined",
  auth: 'import("@segno/next/server").Auth',
  handlers: 'import("@segno/next/server").Handlers',
  listOrders: 'import("express").RequestHandler',
  transfer: 'import("express").RequestHandler',
  searchParams: "Promise<Readonly<Record<string, string | readonly string[] | undefined>>>",
  SignInForm: '(props: { returnTo: string; requirement?: import("@segno/react").SignInProps["requirement"] }) => null',
  creationOptions: 'import("@segno/testing").CreationOptions',
  requestOptions: 'import("@segno/testing").RequestOptions',
  render: "(screen: unknown) => void",
  Header: "() => null",
  folder: "string",
  // Clients that their vendors make, as far as custody uses them.
  KMS: 'new (options: { region: string }) => import("@segno/server/custody").AwsKmsClient',
  KeyManagementServiceClient: 'new () => import("@segno/server/custody").GoogleKmsClient',
  KeyClient: 'new (url: string, credential: object) => import("@segno/server/custody").AzureKeyClient',
  DefaultAzureCredential: "new () => object",
};
/** Other packages' names that examples use without saying where they come from. */
const elsewhere = {
  setupServer: "msw/node",
  join: "node:path",
  randomUUID: "node:crypto",
  readFile: "node:fs/promises",
  sqlite: "@segno/server/storage/sql",
  redis: "@segno/server/storage/redis",
};

/**
 * @param {string} root the workspace
 * @param {Record<string, string[]>} paths import name to source file, as in tsconfig.json
 * @returns {{ file: string, line: number, source: string }[]} `line`: where the source's first line is
 */
export function examples(root, paths) {
  const names = publicNames(root, paths);
  const found = [];
  for (const file of globSync("packages/*/src/**/*.{ts,tsx}", { cwd: root })) {
    if (/\.(test|test-d|double|suite)\.tsx?$/.test(file)) continue;
    const own = `@segno/${file.split(/[\\/]/)[1]}`;
    const text = readFileSync(join(root, file), "utf8");
    for (const comment of text.matchAll(/\/\*\*([\s\S]*?)\*\//g)) {
      const after = text.slice(comment.index + comment[0].length);
      const subject = /^\n(?:export )?(?:async )?(?:declare )?(?:function|const|interface|class|type) (\w+)/.exec(
        after,
      )?.[1];
      // a member has no such line: it belongs to the interface around it
      if (subject !== undefined && !names.has(subject)) continue;
      const lines = comment[1].split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
      const begin = lines.findIndex((line) => /^@example\s*$/.test(line));
      if (begin < 0) continue;
      const rest = lines.slice(begin + 1);
      const end = rest.findIndex((line) => line.startsWith("@"));
      const code = (end < 0 ? rest : rest.slice(0, end)).map((line) => (line.startsWith("```") ? "" : line)).join("\n");
      const line = text.slice(0, comment.index).split("\n").length + begin + 1;
      found.push({ file, line, source: complete(code, own, names) });
    }
  }
  return found;
}

/**
 * Every public function shows an example.
 * @param {string} root the workspace
 * @param {Record<string, string[]>} paths import name to source file, as in tsconfig.json
 * @returns {string[]} one line per fault
 */
export function missingExamples(root, paths) {
  const names = publicNames(root, paths);
  const faults = [];
  for (const file of globSync("packages/*/src/**/*.{ts,tsx}", { cwd: root })) {
    if (/\.(test|test-d|double|suite)\.tsx?$/.test(file)) continue;
    const own = `@segno/${file.split(/[\\/]/)[1]}`;
    const text = readFileSync(join(root, file), "utf8");
    for (const [, comment, name] of text.matchAll(
      /((?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?)export (?:async )?function (\w+)/g,
    )) {
      const home = names.get(name)?.homes.some((entry) => entry === own || entry.startsWith(`${own}/`)) ?? false;
      if (home && isNamedBy(root, paths, { file, name }) && !comment.includes("@example"))
        faults.push(`${file}: the public function ${name} has no @example`);
    }
  }
  return faults;
}

/** Whether an entry point takes the name from this very file: another one may have a function of that name for itself. */
function isNamedBy(root, paths, { file, name }) {
  return Object.entries(paths).some(([entry, [index]]) => {
    if (!entry.startsWith("@segno/")) return false;
    if (index.replace(/^\.\//, "") === file) return true;
    const base = file.slice(file.lastIndexOf("/") + 1).replace(/\.tsx?$/, "");
    const text = readFileSync(join(root, index), "utf8");
    return [...text.matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)"/gm)].some(
      ([, list, from]) =>
        new RegExp(`\\b${name}\\b`).test(list) && (from.endsWith(`/${base}.js`) || from.endsWith("/index.js")),
    );
  });
}

/** The example with its imports and declarations in front, on one line, so that line numbers stay easy. */
function complete(code, own, names) {
  // an example of a page or module says `return` at the top: it stands for the body of a function
  const bare = code.replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
  const words = new Set(bare.replace(/"[^"\n]*"/g, "").match(/(?<!(?<!\.\.)\.)\b[A-Za-z_]\w*/g) ?? []);
  const declared = new Set();
  for (const match of bare.matchAll(/\b(?:const|let|function|import|class)\s+(?:\{([^}]*)\}|\[([^\]]*)\]|(\w+))/g))
    for (const name of (match[1] ?? match[2] ?? match[3]).match(/\w+/g) ?? []) declared.add(name);
  for (const match of bare.matchAll(/\(([\w\s,]*)\)\s*=>/g))
    for (const name of match[1].match(/\w+/g) ?? []) declared.add(name);
  const before = [];
  for (const word of words) {
    if (declared.has(word)) continue;
    const { homes, isType } = names.get(word) ?? {};
    if (word in elsewhere) before.push(`import { ${word} } from "${elsewhere[word]}";`);
    else if (homes !== undefined && !(word in given))
      before.push(
        `import { ${isType ? "type " : ""}${word} } from "${homes.find((home) => home.startsWith(own)) ?? homes[0]}";`,
      );
    else if (word in given) before.push(`declare const ${word}: ${given[word]};`);
  }
  const needsFunction = /^\s*(if \(.*\) )?return /m.test(bare) && !/=>\s*\{|function /.test(bare);
  const body = needsFunction ? `export async function Example() {\n${code}\n}` : `\n${code}`;
  return `${before.join(" ")} ${body}\nexport {};\n`;
}

/** Every public name, the entry points that export it, and whether it is a type. */
function publicNames(root, paths) {
  const names = new Map();
  const add = (name, entry, isType) => {
    const known = names.get(name) ?? { homes: [], isType };
    names.set(name, { homes: [...known.homes, entry], isType: known.isType && isType });
  };
  for (const [entry, [file]] of Object.entries(paths)) {
    if (!entry.startsWith("@segno/")) continue;
    const text = readFileSync(join(root, file), "utf8");
    for (const [, type, list] of text.matchAll(/^export (type )?\{([^}]*)\}/gm))
      for (const [, inline, name] of list.matchAll(/(type )?(\w+)\s*(?:,|$)/g))
        add(name, entry, type !== undefined || inline !== undefined);
    for (const [, kind, name] of text.matchAll(/^export (?:async )?(function|const|interface|class|type) (\w+)/gm))
      add(name, entry, kind === "interface" || kind === "type");
  }
  return names;
}
