import type { SegnoError } from "@segno/core";
import { errorParts } from "./http/index.js";

/** What is answered while the store cannot be opened: the process lives, and everything else waits. */
export function unavailableHandler(
  error: SegnoError,
  at: { readonly isLiveness: boolean; readonly requestId: string },
): Response {
  const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff", "x-request-id": at.requestId };
  if (at.isLiveness) {
    return new Response(JSON.stringify({ status: "live" }), {
      headers: { ...headers, "content-type": "application/json" },
    });
  }
  const failure = errorParts(error, "problem", { requestId: at.requestId });
  return new Response(failure.body, { status: failure.status, headers: { ...failure.headers, ...headers } });
}
