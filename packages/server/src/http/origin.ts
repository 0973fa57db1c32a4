import { SegnoError } from "@segno/core";
import type { IncomingHeaders } from "./incoming.js";

/**
 * Refuses a state-changing request that another site made the browser send. `Origin` decides where there is one, else
 * Fetch-Metadata; a request with neither comes from no browser and is taken only when it carries no cookie.
 * @throws SegnoError `origin_not_allowed`
 */
export function checkOrigin(headers: IncomingHeaders, allowedOrigins: readonly string[]): void {
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  if (origin !== null) {
    if (allowedOrigins.includes(origin)) return;
  } else if (site !== null) {
    if (site === "same-origin") return;
  } else if (headers.get("cookie") === null) {
    return;
  }
  throw new SegnoError("origin_not_allowed");
}
