// What a package may weigh and name. Checked by check-packages.mjs.

/** How many values each entry may export (types are free). */
export const exportBudgets = {
  // Every other package builds on core and there is no back door to it: its list is what they share.
  // Three of them are for callers that are services, three for revocation that verifiers in other processes see, one for
  // whoever reads events, one for the classes of failures, two for signals from other services.
  "@segno/core": 34,
  "@segno/client": 10,
  "@segno/signin": 10,
  "@segno/react": 15,
  "@segno/express": 5,
  "@segno/next": 4,
  // The names of @segno/react, with the banner a server component needs.
  "@segno/next/client": 15,
  "@segno/server": 10,
  "@segno/pkcs11": 2,
  "@segno/testing": 15,
};

const react = (names) => `export { ${names} } from "@segno/react"; export { createSegnoClient } from "@segno/client";`;

/** Both flows that the React layer draws. */
const flows =
  'export { createSegnoClient } from "@segno/client"; export { createSignIn, createStepUp } from "@segno/signin";';

/** What a browser downloads, minified and gzip -9, react external. 1 kB = 1000 bytes. */
export const weightBudgets = [
  { what: "client", source: 'export { createSegnoClient } from "@segno/client";', maxKb: 8 },
  { what: "client, everything", source: 'export * from "@segno/client";', maxKb: 8.5 },
  {
    what: "client with passkey and flows",
    source: flows,
    maxKb: 14,
  },
  { what: "flows, everything", source: 'export * from "@segno/client"; export * from "@segno/signin";', maxKb: 15 },
  {
    what: "react: provider, hooks, Show",
    source: react("SegnoProvider, useSession, useUser, useAuth, Show"),
    maxKb: 16,
  },
  { what: "react: with the sign-in form", source: react("SegnoProvider, useSession, Show, SignIn"), maxKb: 20 },
  {
    what: "react layer over the flows",
    source: react("SegnoProvider, useSession, useUser, useAuth, useSignIn, useStepUp, Show, SignIn"),
    without: flows,
    maxKb: 6,
  },
];

/** Entries that end up in a browser. */
export const browserEntries = ["@segno/client", "@segno/signin", "@segno/react", "@segno/next/client"];

/** Modules and words that must not end up there. */
export const forbiddenModules =
  /(^node:|\/kysely\/|@simplewebauthn\/server|\/valibot\/|packages\/server\/|@segno\/server|better-sqlite3|\/pg\/)/;
export const forbiddenWords = [
  /["']node:/,
  /\bkysely\b/i,
  /\bsqlite\b/i,
  /PRIVATE KEY/,
  /PKCS8/i,
  /createPrivateKey/,
  /SEGNO_SECRET/,
  /SEGNO_DATABASE_URL/,
  /verifyRegistrationResponse/,
  /verifyAuthenticationResponse/,
];

/** Entries that run in the browser carry the banner; entries for the server must not. */
export const banners = {
  "packages/react/dist/index.js": true,
  "packages/next/dist/client.js": true,
  "packages/next/dist/server.js": false,
  "packages/next/dist/proxy.js": false,
  "packages/client/dist/index.js": false,
};

/** Where the declarations of a package must be sound: libraries and ambient types of the consumer. */
export const declarationEnvironments = {
  "@segno/core": ["node", "browser", "both"],
  "@segno/client": ["browser", "both"],
  "@segno/signin": ["browser", "both"],
  "@segno/react": ["browser", "both"],
  "@segno/express": ["node", "both"],
  "@segno/next": ["both"],
  "@segno/server": ["node", "both"],
  "@segno/pkcs11": ["node", "both"],
  "@segno/testing": ["both"],
};
