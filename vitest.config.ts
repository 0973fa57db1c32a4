import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { processTests, testsOfOwnSteps } from "./scripts/test-sets.mjs";
import tsconfig from "./tsconfig.json" with { type: "json" };

/** Tests run against source: the same map that the type checker uses. */
const alias = Object.entries(tsconfig.compilerOptions.paths).map(([name, [file]]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(file as string, import.meta.url)),
}));

/** `quick` and `processes` are the two halves; without it everything that is asked for runs. */
const set = process.env["SEGNO_TEST_SET"];

export default defineConfig({
  resolve: { alias },
  test: {
    include: set === "processes" ? [...processTests] : ["packages/*/src/**/*.test.{ts,tsx}", "scripts/**/*.test.mjs"],
    exclude:
      set === "quick" ? [...configDefaults.exclude, ...processTests, ...testsOfOwnSteps] : configDefaults.exclude,
    environment: "node",
    // every core: by default one is left idle, which on two cores is half of them
    maxWorkers: "100%",
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
