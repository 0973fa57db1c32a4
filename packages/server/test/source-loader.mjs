// Lets a child process run our sources as they are: node --import ./source-loader.mjs script.ts
import { existsSync, readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = new URL("../../../", import.meta.url);
const { paths } = JSON.parse(readFileSync(new URL("tsconfig.json", root), "utf8")).compilerOptions;

registerHooks({
  resolve(specifier, context, next) {
    const source = paths[specifier]?.[0];
    if (source !== undefined) return { url: new URL(source, root).href, shortCircuit: true };
    if (specifier.startsWith(".") && specifier.endsWith(".js") && context.parentURL?.startsWith("file:")) {
      const file = fileURLToPath(new URL(specifier.replace(/\.js$/, ".ts"), context.parentURL));
      if (existsSync(file)) return { url: pathToFileURL(file).href, shortCircuit: true };
    }
    return next(specifier, context);
  },
});
