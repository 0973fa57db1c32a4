// Bundlers take this file instead of `server.ts` for the browser: the import of `createNextSegno` then fails the build.
throw new TypeError("@segno/next/server was imported by a client component. Use @segno/next/client there.");

export {};
