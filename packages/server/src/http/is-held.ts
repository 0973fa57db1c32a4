import type { Incoming } from "./incoming.js";

/** Whether the caller has what it asks for (RFC 9110 section 13.1.2: compared weakly). */
export function isHeld(request: Incoming, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  const held = request.headers.get("if-none-match")?.split(",").map(opaque);
  return held?.includes(opaque(etag)) === true || held?.includes("*") === true;
}
