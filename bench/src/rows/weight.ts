import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { type Bench, type Row, row } from "../report.ts";

/**
 * What a page downloads: one minified, gzipped bundle with everything it imports, except React itself. `core` is what a
 * first paint needs; `flows` adds passkeys and the headless flows; `react` is the complete sign-in page.
 */
const entries = {
  core: 'export { createSegnoClient } from "@segno/client";',
  flows:
    'export { createSegnoClient } from "@segno/client"; export { createSignIn, createStepUp } from "@segno/signin";',
  react: `export { createSegnoClient } from "@segno/client"; export { createSignIn, createStepUp } from "@segno/signin";
    export { SegnoProvider, SignIn, Show, useSession, useUser, useAuth, useSignIn, useStepUp } from "@segno/react";`,
} as const;

export const weightBench: Bench = {
  name: "weight",
  async run(): Promise<readonly Row[]> {
    const core = await gzippedKilobytes(entries.core);
    const flows = await gzippedKilobytes(entries.flows);
    const react = await gzippedKilobytes(entries.react);
    const limit = (name: string, kilobytes: number, atMost: number) =>
      row({ name, unit: "kB gzip", ours: kilobytes, reference: atMost, ratio: kilobytes, atMost });
    return [
      limit("weight-client", core, 8),
      limit("weight-client-flows", flows, 14),
      limit("weight-react-layer", react - flows, 6),
    ];
  },
};

async function gzippedKilobytes(source: string): Promise<number> {
  const result = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, loader: "js" },
    bundle: true,
    minify: true,
    write: false,
    // code behind import() is loaded when it is needed: counted apart, as a browser does
    splitting: true,
    outdir: "out",
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["react", "react-dom", "react/jsx-runtime"],
    define: { "process.env.NODE_ENV": '"production"' },
    metafile: true,
    logLevel: "error",
    // what consumers install, not the sources that the tests are pointed to
    tsconfigRaw: {},
  });
  const eager = new Set<string>();
  const follow = (file: string) => {
    if (eager.has(file)) return;
    eager.add(file);
    for (const { path, kind } of result.metafile.outputs[file]?.imports ?? []) {
      if (kind === "import-statement" && path in result.metafile.outputs) follow(path);
    }
  };
  const entry = Object.keys(result.metafile.outputs).find(
    (file) => result.metafile.outputs[file]?.entryPoint !== undefined,
  );
  if (entry === undefined) throw new Error("bench: esbuild made no entry");
  follow(entry);
  const files = result.outputFiles.filter(({ path }) => [...eager].some((file) => path.endsWith(file)));
  if (files.length !== eager.size) throw new Error("bench: an output file is missing");
  return files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0) / 1000;
}
