// Who may import whom: the arrows of the house as data. Checked by check-imports.mjs.

/** Runtime packages each package may import, besides its own files. `#` and `node:` have rules of their own below. */
export const packageArrows = {
  core: ["jose"],
  client: ["@segno/core"],
  signin: ["@segno/core", "@segno/client", "@simplewebauthn/browser"],
  react: ["@segno/core", "@segno/client", "@segno/signin", "react"],
  express: ["@segno/core", "express"],
  next: ["@segno/core", "@segno/react", "next", "react"],
  server: ["@segno/core", "kysely", "@simplewebauthn/server", "valibot", "@valibot/to-json-schema"],
  pkcs11: ["@segno/core", "@segno/server", "pkcs11js"],
  testing: ["@segno/core", "@segno/client", "@segno/server", "msw"],
  cli: ["@segno/core", "@segno/server"],
};

/** Packages that run in a browser or at the edge: no Node built-ins, except in the files named. */
export const withoutNode = {
  core: ["crypto/node.ts"],
  client: [],
  signin: [],
  react: [],
};

/** Folders of the server that are not domains: open to every domain, and they know none. */
export const serverInfrastructure = ["http", "storage"];

/**
 * The files of the server that put domains together, and the only ones at its root that may import them at run time:
 * the composition root with its parts (options, routes and background work, verbs in process, who is asking), and the public names.
 */
export const compositionRoot = [
  "segno.ts",
  "composition.ts",
  "resolve-config.ts",
  "api.ts",
  "authenticate.ts",
  "inspect.ts",
  "index.ts",
];
