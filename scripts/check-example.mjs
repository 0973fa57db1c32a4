// An example must type-check and build as it stands.  node scripts/check-example.mjs quickstart
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./packages.mjs";

const name = process.argv[2] ?? "";
const folder = join(root, "examples", name);
const problems = [];
const attempt = (what, work) => {
  try {
    work();
    console.log(`segno: ${name}: ${what}`);
  } catch (error) {
    problems.push(error.message);
  }
};

if (!existsSync(join(folder, "package.json"))) problems.push(`examples/${name} is missing`);
else {
  const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (scripts?.build === undefined) problems.push(`examples/${name} has no build script`);
  // The build first: frameworks write types while they build.
  attempt("builds", () => run("pnpm", ["run", "build"], { cwd: folder }));
  if (!existsSync(join(folder, "tsconfig.json"))) problems.push(`examples/${name} has no tsconfig.json`);
  else
    attempt("type-checks", () =>
      run(join(root, "node_modules", ".bin", "tsc"), ["-p", folder, "--noEmit", "--pretty", "false"]),
    );
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
