import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import type * as AuditLog from "../../packages/server/src/audit/log/index.ts";
import type * as Composition from "../../packages/server/src/composition.ts";
import type * as HotState from "../../packages/server/src/storage/hot-state.ts";
import type * as Passkeys from "../../packages/server/src/authenticators/passkey/verify-assertion.ts";
import type * as Resolve from "../../packages/server/src/resolve-config.ts";
import type * as Rotate from "../../packages/server/src/tokens/rotate-refresh-token.ts";

type Internals = typeof Composition &
  typeof Resolve &
  typeof Rotate &
  typeof Passkeys &
  typeof HotState &
  Pick<typeof AuditLog, "openLog" | "sqlStorage">;

/**
 * The engine's verbs, which no package exports: bundled from source, so that a row can time one of them alone.
 * `@simplewebauthn/server` stays outside, so that both sides of a comparison run the very same module.
 */
export async function loadEngineInternals(): Promise<Internals> {
  const source = fileURLToPath(new URL("../../packages/server/src/", import.meta.url));
  const outfile = join(mkdtempSync(join(tmpdir(), "bench-engine-")), "engine.mjs");
  await build({
    stdin: {
      contents: `export { compose } from "./composition.ts"; export { resolveOptions } from "./resolve-config.ts";
        export { rotateRefreshToken } from "./tokens/rotate-refresh-token.ts";
        export { openLog, sqlStorage } from "./audit/log/index.ts";
        export { durableState, hotState } from "./storage/hot-state.ts";
        export { verifyAssertion } from "./authenticators/passkey/verify-assertion.ts";`,
      resolveDir: source,
      loader: "ts",
    },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    conditions: ["node"],
    external: ["pg"],
    tsconfigRaw: {},
    logLevel: "error",
    plugins: [
      {
        name: "webauthn",
        setup(builder) {
          const path = import.meta.resolve("@simplewebauthn/server");
          builder.onResolve({ filter: /^@simplewebauthn\/server$/ }, () => ({ path, external: true }));
        },
      },
    ],
  });
  return (await import(pathToFileURL(outfile).href)) as Internals;
}
