import { packageBuild } from "../../scripts/tsup-package.js";

// Of core the components need three small functions: copied in. Imported, they would pull what the client keeps behind an
// import(), the making of proofs of possession, into what every page loads first, because bundlers split by whole files.
const copied = ["core"];

/** The components run in the browser; the catalogues are plain data that server components may read. */
export default [
  { ...packageBuild(["src/index.ts", "src/testing.tsx"], copied), banner: { js: '"use client";' } },
  packageBuild(["src/messages.ts"]),
];
