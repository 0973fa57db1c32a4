import { createSegno, type Segno } from "@segno/server";

/** Real time plus what the development panel added. */
let skippedMs = 0;
export const clock = { nowMs: () => Date.now() + skippedMs };
export const skipMinutes = (minutes: number) => {
  skippedMs += minutes * 60_000;
};
export const skippedMinutes = () => Math.round(skippedMs / 60_000);

/** Passkey first, link and code as the fallback: that is the default. The database is ./.segno/segno.db. */
export const openSegno = (baseUrl: string): Segno =>
  createSegno({ baseUrl, clock, tokens: { scopes: ["orders:read", "transfers:write"] }, audit: {} });
