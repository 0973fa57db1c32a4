import { packageBuild } from "../../scripts/tsup-package.js";

/** The client entry marks itself as such: the banner must be the first line of the file Next reads. */
export default [
  packageBuild(["src/server.ts", "src/server-in-browser.ts", "src/proxy.ts"]),
  { ...packageBuild(["src/client.ts"]), banner: { js: '"use client";' } },
];
