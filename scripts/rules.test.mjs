// Every rule of the lint configuration and of the import check, held against a planted violation.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkImports } from "./check-imports.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
let folder;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-rules-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plant(name, files) {
  const at = join(folder, name);
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), source);
  }
  return at;
}

describe("import rules", () => {
  it("finds a cycle, also through a .tsx file, and not one of types alone", () => {
    const at = plant("cycle", {
      "packages/react/src/a.ts": 'import { b } from "./b.js";\nexport const a = b;\n',
      "packages/react/src/b.tsx": 'import { a } from "./a.js";\nexport const b = a;\n',
      "packages/react/src/c.ts": 'import type { D } from "./d.js";\nexport type C = D;\n',
      "packages/react/src/d.ts": 'import type { C } from "./c.js";\nexport type D = C;\n',
    });
    const way = "packages/react/src/a -> packages/react/src/b -> packages/react/src/a: a cycle";
    expect(checkImports(at).violations).toEqual([way]);
  });

  const cases = [
    ["a package reaches against its arrow", "packages/core/src/a.ts", 'import { x } from "@segno/server";\n'],
    [
      "a package imports what it does not depend on",
      "packages/express/src/a.ts",
      'import { x } from "@segno/client";\n',
    ],
    [
      "a dynamic import reaches against the arrow",
      "packages/next/src/a.ts",
      'const x = await import("@segno/server");\n',
    ],
    ["a type reaches against the arrow", "packages/client/src/a.ts", 'import type { X } from "@segno/server";\n'],
    ["an import over several lines", "packages/core/src/a.ts", 'import {\n  x,\n  y,\n} from "kysely";\n'],
    ["a bare import", "packages/core/src/a.ts", 'import "kysely";\n'],
    ["a re-export", "packages/core/src/a.ts", 'export { x } from "kysely";\n'],
    [
      "core imports node:crypto outside crypto/node.ts",
      "packages/core/src/crypto/web.ts",
      'import { hash } from "node:crypto";\n',
    ],
    [
      "a browser package imports a Node built-in",
      "packages/react/src/a.ts",
      'import { readFileSync } from "node:fs";\n',
    ],
    ["a path out of the package", "packages/core/src/a.ts", 'import { x } from "../../server/src/index.js";\n'],
    ["export star", "packages/core/src/a.ts", 'export * from "./b.js";\n'],
    [
      "a domain enters another one beside its index",
      "packages/server/src/users/a.ts",
      'import { x } from "../sessions/create-session.js";\n',
    ],
    [
      "a domain uses another one's store",
      "packages/server/src/users/a.ts",
      'import { x } from "../sessions/store.js";\n',
    ],
    ["http uses a store", "packages/server/src/http/a.ts", 'import { x } from "../sessions/store.js";\n'],
    ["http knows a domain", "packages/server/src/http/a.ts", 'import { x } from "../sessions/index.js";\n'],
    ["storage knows a domain", "packages/server/src/storage/a.ts", 'import { x } from "../users/index.js";\n'],
    [
      "a root file other than the composition root knows a domain",
      "packages/server/src/engine.ts",
      'import { x } from "./users/index.js";\n',
    ],
    ["a package without a row", "packages/novel/src/a.ts", "export const x = 1;\n"],
  ];
  it.each(cases)("refuses: %s", (name, path, source) => {
    const { violations } = checkImports(plant(name.replaceAll(/\W/g, "-"), { [path]: source }));
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(path.split("/").slice(0, 2).join("/"));
  });

  it("allows what the arrows say", () => {
    const at = plant("allowed", {
      "packages/core/src/crypto/node.ts": 'import { hash } from "node:crypto";\n',
      "packages/core/src/a.test.ts": 'import { x } from "@segno/testing";\n',
      "packages/server/src/segno.ts": 'import { x } from "./users/index.js";\n',
      "packages/server/src/engine.ts": 'import type { X } from "./users/index.js";\n',
      "packages/server/src/users/a.ts":
        'import { x } from "../sessions/index.js";\nimport { y } from "../http/route.js";\n/**\n * import { z } from "anything";\n */\n',
      "packages/react/src/a.tsx": 'import { useState } from "react";\nimport { y } from "@segno/signin";\n',
    });
    expect(checkImports(at)).toEqual({ files: 6, violations: [] });
  });

  it("says so by its exit code", () => {
    const at = plant("exit-code", { "packages/core/src/a.ts": 'export * from "./b.js";\n' });
    const bad = spawnSync(process.execPath, [join(root, "scripts/check-imports.mjs"), at], { encoding: "utf8" });
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain("packages/core/src/a.ts:1");
    const good = plant("exit-code-good", { "packages/core/src/a.ts": "export const x = 1;\n" });
    expect(spawnSync(process.execPath, [join(root, "scripts/check-imports.mjs"), good]).status).toBe(0);
  });
});

describe("lint", () => {
  const planted = {
    "typescript(no-floating-promises)":
      "const run = async (): Promise<void> => {};\nexport function go(): void {\n  run();\n}\n",
    "typescript(no-explicit-any)": "export const x: any = 1;\n",
    "typescript(no-non-null-assertion)": "export const x = (y: string | null): string => y!;\n",
    "typescript(ban-ts-comment)": '// @ts-ignore\nexport const x: number = "a";\n',
    "typescript(only-throw-error)": 'export function go(): void {\n  throw "text";\n}\n',
    "typescript(await-thenable)": "export const go = async (): Promise<void> => {\n  await 1;\n};\n",
    "import(no-default-export)": "export default 1;\n",
    "import(no-cycle)": 'import { b } from "./no-cycle-b.js";\nexport const a = (): unknown => b;\n',
    "eslint(no-restricted-properties)": "export const x = (): number => Date.now() + Math.random();\n",
    "eslint(no-console)": 'export const x = (): void => console.log("a");\n',
    "eslint(eqeqeq)": 'export const x = (y: unknown): boolean => y == "a";\n',
  };

  it("finds each planted violation, and leaves tests and clock files their freedom", () => {
    const files = {
      "packages/core/src/no-cycle-b.ts":
        'import { a } from "./import-no-cycle.js";\nexport const b = (): unknown => a;\n',
    };
    for (const [rule, source] of Object.entries(planted)) files[`packages/core/src/${fileOf(rule)}`] = source;
    files["packages/core/src/clock.ts"] = "export const x = (): number => Date.now();\n";
    files["packages/core/src/a.test.ts"] = "export const x = (): number => Date.now();\n";
    const at = plant("lint", files);
    copyFileSync(join(root, ".oxlintrc.json"), join(at, ".oxlintrc.json"));
    copyFileSync(join(root, "tsconfig.base.json"), join(at, "tsconfig.base.json"));
    writeFileSync(
      join(at, "tsconfig.json"),
      '{ "extends": "./tsconfig.base.json", "compilerOptions": { "noEmit": true }, "include": ["packages"] }',
    );
    symlinkSync(join(root, "node_modules"), join(at, "node_modules"));
    const oxlint = join(root, "node_modules", "oxlint", "bin", "oxlint");
    const { stdout, status } = spawnSync(process.execPath, [oxlint, "--type-aware", "--format=json", "packages"], {
      cwd: at,
      encoding: "utf8",
    });
    const found = JSON.parse(stdout).diagnostics.map(({ code, filename }) => `${filename.split("/").at(-1)} ${code}`);
    expect(status).not.toBe(0);
    for (const rule of Object.keys(planted)) expect(found).toContain(`${fileOf(rule)} ${rule}`);
    expect(found.filter((line) => /^(clock|a\.test)\.ts/.test(line))).toEqual([]);
  }, 60_000);

  const fileOf = (rule) => `${rule.replace(/\W/g, "-").replace(/-$/, "")}.ts`;
});
