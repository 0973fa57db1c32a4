import { packageBuild } from "../../scripts/tsup-package.js";

/** The components run in the browser; the catalogues are plain data that server components may read. */
export default [
  { ...packageBuild(["src/index.ts", "src/testing.tsx"]), banner: { js: '"use client";' } },
  packageBuild(["src/messages.ts"]),
];
