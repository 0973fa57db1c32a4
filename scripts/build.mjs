// The release build of every package from scratch: JavaScript by tsup, declarations by tsc, in the order of their dependencies.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { buildPackages } from "./build-js.mjs";
import { publicPackages, root, run } from "./packages.mjs";

const packages = publicPackages();
for (const { folder } of packages) rmSync(join(folder, "dist"), { recursive: true, force: true });
let failed = 0;
await buildPackages().catch((error) => {
  failed += 1;
  console.error(error.message);
});
for (const { folder, name } of packages) {
  try {
    run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.build.json"], {
      cwd: folder,
    });
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error.message}`);
  }
}
console.log(`segno: built ${packages.length} packages, ${failed} faults`);
process.exitCode = failed > 0 ? 1 : 0;
