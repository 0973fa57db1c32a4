import { defineConfig } from "tsup";

/**
 * One build for every package: ESM JavaScript only. `tsc` writes the declarations.
 * Kept to entry, format and external so that another bundler can take over.
 * @param {string[]} entry
 * @param {string[]} copied packages of this repository, by folder, of which what is used is copied in
 */
export function packageBuild(entry, copied = []) {
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
    noExternal: copied.map((name) => `@segno/${name}`),
    // node:sqlite has no other name.
    removeNodeProtocol: false,
  });
}
