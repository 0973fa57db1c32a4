// workerd by miniflare: one bundle, with the export conditions of a worker.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { type CaseResult, print } from "../harness.ts";

const bundle = await build({
  entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  conditions: ["workerd", "worker", "browser"],
  tsconfigRaw: "{}",
});
const script = bundle.outputFiles[0]?.text ?? "";
const worker = new Miniflare({ modules: true, script, compatibilityDate: "2026-07-01" });
const answer = await worker.dispatchFetch("http://worker/");
print((await answer.json()) as CaseResult[]);
await worker.dispose();
