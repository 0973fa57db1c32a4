// What .ci/run does, in order. A step is a name and a command of the workspace; a target that is missing is a failure.
// `env` adds variables; `needs` names a step without whose success this one cannot mean anything.

/** @type {{ name: string, what: string, command: string, env?: Record<string, string>, needs?: string }[]} */
export const steps = [
  {
    name: "test",
    what: "npm test: unit, contract and handler tests, with PostgreSQL",
    command: "npm test",
    env: { SEGNO_REQUIRE_PEERS: "1" },
  },
  {
    name: "custody",
    what: "keys in Vault, AWS KMS (moto) and PKCS#11 (SoftHSM2), each a real server; the first build of Vault takes minutes",
    command: "node scripts/custody.mjs",
    env: { SEGNO_REQUIRE_PEERS: "1" },
  },
  {
    name: "kafka",
    what: "the sink of events on a real Kafka broker; the first run fetches 50 MB from Maven Central",
    command:
      "vitest run packages/server/src/events/sinks/kafka.test.ts --reporter=default --reporter=./scripts/count-reporter.mjs",
    env: { SEGNO_REQUIRE_PEERS: "1", SEGNO_REQUIRE_KAFKA: "1" },
  },
  {
    name: "test-hard",
    what: "the suites of stores and races through PgBouncer in transaction mode, and at serializable isolation",
    command:
      "node scripts/test.mjs packages/server/src/storage packages/server/src/http/rate-limiter.test.ts packages/server/src/keys/keyring.test.ts packages/server/src/sessions/sessions.test.ts packages/server/src/tokens/rotate-refresh-token.test.ts packages/server/src/authenticators/single-use.test.ts",
    env: { SEGNO_REQUIRE_PEERS: "1", SEGNO_TEST_STORES: "hard" },
    needs: "test",
  },
  {
    name: "histories",
    what: "ten thousand random histories of refresh families: no wrong sign-out, no wrong accept",
    command: "vitest run packages/server/src/tokens/refresh-model.test.ts",
    env: { SEGNO_HISTORIES: "10000" },
  },
  {
    name: "install",
    what: "the rest of the workspace: examples, e2e, bench, chaos, docs",
    command: "node scripts/bootstrap.mjs install",
  },
  { name: "format", what: "formatted by biome", command: "biome format .", needs: "install" },
  // Examples and e2e are linted and checked against the declarations, so these come first.
  { name: "build", what: "the release build, with declarations", command: "node scripts/build.mjs", needs: "install" },
  // The quickstart is among what the command line is tried on: it must be installed and built.
  {
    name: "processes",
    what: "the built command line, kill -9 at every few statements, key rotation under load, brokers that restart",
    command: "node scripts/test.mjs",
    env: { SEGNO_REQUIRE_PEERS: "1", SEGNO_TEST_SET: "processes" },
    needs: "build",
  },
  {
    name: "lint",
    what: "oxlint with types: promises, any, cycles, clocks",
    command: "oxlint --type-aware --deny-warnings .",
    needs: "install",
  },
  {
    name: "typecheck",
    what: "sources and tests of the packages, and the faults on purpose",
    command: "tsc -p tsconfig.json && tsc -p chaos/tsconfig.json",
    needs: "install",
  },
  { name: "imports", what: "who may import whom", command: "node scripts/check-imports.mjs", needs: "install" },
  {
    name: "unused",
    what: "knip: unused files, names and dependencies",
    command: "knip --no-progress",
    needs: "install",
  },
  {
    name: "packages",
    what: "publint, attw, declarations, exports, bundles, weight, licence, changeset",
    command: "node scripts/check-packages.mjs",
    needs: "build",
  },
  {
    name: "docs",
    what: "every code block compiles, every link leads somewhere",
    command: "node scripts/check-docs.mjs",
    needs: "install",
  },
  {
    name: "reference",
    what: "the pages about errors, events and configuration say what the code does",
    command: "node docs/generate.mjs --check",
    needs: "build",
  },
  {
    name: "api-reference",
    what: "the API reference is generated without a warning: every public name has a doc comment",
    command: "pnpm --filter @segno-internal/docs run reference",
    needs: "build",
  },
  {
    name: "runtimes",
    what: "one suite on Node, Bun, Deno and workerd",
    command: "pnpm --filter @segno-internal/runtime-tests test",
    needs: "build",
  },
  {
    name: "runbooks",
    what: "every step of the runbooks is run and compared, the vault outage on a real Vault",
    command:
      "node scripts/custody.mjs -- node node_modules/vitest/vitest.mjs run packages/cli/src/runbooks --reporter=default --reporter=./scripts/count-reporter.mjs",
    env: { SEGNO_REQUIRE_PEERS: "1" },
    needs: "build",
  },
  {
    name: "consumers",
    what: "projects installed from packed tarballs",
    command: "node scripts/check-consumers.mjs",
    needs: "build",
  },
  {
    name: "example-quickstart",
    what: "the quickstart type-checks and builds",
    command: "node scripts/check-example.mjs quickstart",
    needs: "build",
  },
  {
    name: "example-next-app",
    what: "the Next app type-checks and builds",
    command: "node scripts/check-example.mjs next-app",
    env: { NEXT_TELEMETRY_DISABLED: "1" },
    needs: "build",
  },
  {
    name: "example-scale-out",
    what: "three nodes, PostgreSQL, Redis and nginx: sign in, revoke, kill a node, lose Redis",
    command: "tsc -p examples/scale-out && node examples/scale-out/start.ts --show",
    env: { SEGNO_REQUIRE_PEERS: "1" },
    needs: "build",
  },
  {
    name: "example-platform",
    what: "an application from packed packages with OpenTelemetry, Prometheus, NATS and a webhook: sign in, and see what arrives where",
    command: "tsc -p examples/platform && node examples/platform/start.ts --show",
    env: { SEGNO_REQUIRE_PEERS: "1" },
    needs: "build",
  },
  {
    name: "browser",
    what: "Chromium with a virtual authenticator",
    command: "pnpm --filter @segno-internal/e2e test --reporter=default --reporter=../scripts/count-reporter.mjs",
    env: { SEGNO_REQUIRE_PEERS: "1" },
    needs: "build",
  },
  {
    name: "bench",
    what: "every row of the bench runs (short rounds, no verdict)",
    command: "node bench/src/index.ts --smoke",
    needs: "build",
  },
  {
    name: "chaos",
    what: "every fault of the plan once, short: databases and keys that fail under load",
    command: "node --disable-warning=ExperimentalWarning chaos/src/index.ts --smoke",
    env: { SEGNO_REQUIRE_PEERS: "1" },
    needs: "build",
  },
];
