import { defineConfig } from "tsup";

/**
 * One build for every package: ESM JavaScript only. `tsc` writes the declarations.
 * Kept to entry, format and external so that another bundler can take over.
 * @param {string[]} entry
 */
export function packageBuild(entry) {
  return defineConfig({
    entry,
    format: "esm",
    target: "es2022",
    outDir: "dist",
    clean: false,
    dts: false,
    splitting: true,
    sourcemap: false,
    external: ["#crypto"],
    // node:sqlite has no other name.
    removeNodeProtocol: false,
  });
}
