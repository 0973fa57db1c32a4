import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import tsconfig from "./tsconfig.json" with { type: "json" };

/** Tests run against source: the same map that the type checker uses. */
const alias = Object.entries(tsconfig.compilerOptions.paths).map(([name, [file]]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(file as string, import.meta.url)),
}));

export default defineConfig({
  resolve: { alias },
  test: {
    include: ["packages/*/src/**/*.test.{ts,tsx}", "scripts/**/*.test.mjs"],
    environment: "node",
    // every core: by default one is left idle, which on two cores is half of them
    maxWorkers: "100%",
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
