import type { PlainResponse, SegnoError } from "@segno/core";
import { errorParts, httpDate, supportCode } from "./http/index.js";

/** What is answered while the store cannot be opened: the process lives, and everything else waits. */
export function unavailable(
  error: SegnoError,
  at: { readonly isLiveness: boolean; readonly requestId: string; readonly nowMs: number },
): PlainResponse {
  const headers = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": at.requestId,
    date: httpDate(at.nowMs),
  };
  if (at.isLiveness) {
    const body = JSON.stringify({ status: "live" });
    return { status: 200, headers: { ...headers, "content-type": "application/json" }, setCookies: [], body };
  }
  const failure = errorParts(error, "problem", {
    requestId: at.requestId,
    supportCode: supportCode(at.requestId, at.nowMs),
  });
  return {
    status: failure.status,
    headers: { ...failure.headers, ...headers },
    setCookies: [],
    body: failure.body,
  };
}
