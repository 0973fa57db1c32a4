// A vitest reporter that only counts, for the check that runs every check.
import { writeFileSync } from "node:fs";

class CountReporter {
  onTestRunEnd(modules) {
    const file = process.env.SEGNO_COUNTS_FILE;
    if (!file) return;
    const count = { passed: 0, failed: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed" || state === "failed") count[state] += 1;
      }
    }
    writeFileSync(file, JSON.stringify(count));
  }
}

// vitest asks for a default export.
// oxlint-disable-next-line import/no-default-export
export default CountReporter;
