// Tests that start, kill and restart processes, one after the other: minutes rather than milliseconds. `npm test` leaves them
// to `SEGNO_TEST_SET=processes npm test`, which CI runs too. `npm test -- PATH` runs whatever lies there.

/** @type {readonly string[]} */
export const processTests = [
  // the built command line, as somebody types it
  "packages/cli/src/run.test.ts",
  "packages/cli/src/!(runbooks)/**/*.test.ts",
  // kill -9 at every statement
  "packages/server/src/**/*crash.test.ts",
  // keys that rotate while a load of requests goes on
  "packages/server/src/keys/rotation-drill.test.ts",
  // brokers that are killed and restarted
  "packages/server/src/events/sinks/nats.test.ts",
];

/** Each has a step of CI to itself, because of the servers it needs. */
export const testsOfOwnSteps = [
  "packages/cli/src/runbooks/**/*.test.ts",
  "packages/server/src/events/sinks/kafka.test.ts",
];
