// The checks of the documentation, held against a planted fault.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { examples, missingExamples } from "./docs-examples.mjs";
import { checkHouse, checkRunbooks } from "./docs-rules.mjs";

let root;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "segno-docs-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function plant(files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const readme = (line) => `\`\`\`text\npackages/\n  core/ tokens -> ${line}\nexamples/\n\`\`\`\n`;

describe("the map of the house", () => {
  const manifest = JSON.stringify({ dependencies: { jose: "6" } });

  it("passes when each arrow is a dependency and back", () => {
    plant({ "README.md": readme("jose"), "packages/core/package.json": manifest });
    expect(checkHouse(root)).toEqual([]);
  });

  it("notices an arrow that is missing, one too many, and a package that is not drawn", () => {
    plant({ "README.md": readme("kysely"), "packages/core/package.json": manifest, "packages/new/package.json": "{}" });
    expect(checkHouse(root)).toEqual(
      expect.arrayContaining([
        "README.md: the map of the house does not show packages/new",
        "README.md: the map does not show core -> jose",
        "README.md: the map shows core -> kysely, which scripts/import-rules.mjs forbids",
      ]),
    );
  });
});

describe("runbooks", () => {
  const written = 'await events.append(trx, "risk.alert", actor, {\n  kind: "odd_hours",\n});\n';
  const named =
    'const alert = { kind: "odd_hours", detail: "x" };\nawait events.append(trx, "risk.alert", actor, alert);\n';

  it.each([
    ["written in the call", written],
    ["given by name", named],
    [
      "in a list of events",
      'appendAll(trx, who, [\n  { type: "risk.alert", data: { kind: "odd_hours", detail } },\n]);\n',
    ],
  ])("a kind %s needs its page", (_, source) => {
    plant({ "packages/server/src/risk/a.ts": source });
    expect(checkRunbooks(root)).toEqual([expect.stringContaining("docs/runbooks/odd-hours.md: is missing")]);
    plant({ "docs/runbooks/odd-hours.md": '`data.kind = "odd_hours"`' });
    expect(checkRunbooks(root)).toEqual([]);
  });

  it("a page may not tell of a kind that nothing raises, nor code raise one that cannot be read", () => {
    plant({
      "packages/server/src/risk/a.ts": 'await events.append(trx, "risk.alert", actor, make());\n',
      "packages/server/src/risk/b.ts": written,
      "docs/runbooks/odd-hours.md": '`data.kind = "odd_hours"` and `data.kind = "gone"`',
    });
    expect(checkRunbooks(root)).toEqual([
      expect.stringContaining("cannot be read"),
      expect.stringContaining('"gone", which nothing raises'),
    ]);
  });
});

describe("examples of doc comments", () => {
  const paths = { "@segno/core": ["./packages/core/src/index.ts"] };
  const index = 'export { type Shape, shapeOf } from "./shape.js";\n';

  it("gets its imports, and its line for messages", () => {
    plant({
      "packages/core/src/index.ts": index,
      "packages/core/src/shape.ts":
        "/**\n * Shapes.\n * @example\n * const shape: Shape = shapeOf(token);\n */\nexport function shapeOf() {}\n",
    });
    const [example] = examples(root, paths);
    expect(example).toMatchObject({ file: "packages/core/src/shape.ts", line: 4 });
    expect(example.source).toContain('import { shapeOf } from "@segno/core";');
    expect(example.source).toContain('import { type Shape } from "@segno/core";');
    expect(example.source).toContain("declare const token: string;");
    expect(missingExamples(root, paths)).toEqual([]);
  });

  it("is missed where a public function has none, and not where a private one has none", () => {
    plant({
      "packages/core/src/index.ts": index,
      "packages/core/src/shape.ts": "/** Shapes. */\nexport function shapeOf() {}\nexport function own() {}\n",
    });
    expect(missingExamples(root, paths)).toEqual([
      "packages/core/src/shape.ts: the public function shapeOf has no @example",
    ]);
  });
});
