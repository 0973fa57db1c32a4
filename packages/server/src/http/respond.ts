import type { PlainResponse } from "@segno/core";
import type { Reply } from "./route.js";

interface ResponseContext {
  readonly requestId: string;
  /** The engine's time: clients correct their clock skew by it (RFC 9449 section 11.1). */
  readonly nowMs: number;
  readonly shared: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly isHead: boolean;
}

/** A page that runs nothing, loads nothing, posts home only and fits into no frame. */
const everyPage = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** A reply as an answer, with the headers every answer carries; a reply's own headers win. */
export function createAnswer(reply: Reply, context: ResponseContext): PlainResponse {
  const headers: Record<string, string> = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-request-id": context.requestId,
    date: httpDate(context.nowMs),
  };
  let body: string | null = null;
  if (reply.html !== undefined) {
    headers["content-type"] = "text/html; charset=utf-8";
    body = reply.html;
  } else if (reply.json !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(reply.json);
  } else if (reply.text !== undefined) {
    body = reply.text;
  }
  const { shared } = context;
  for (const name in shared) headers[name] = shared[name] ?? "";
  if (reply.headers !== undefined) {
    for (const [name, value] of Object.entries(reply.headers)) headers[name.toLowerCase()] = value;
  }
  if (headers["content-type"]?.startsWith("text/html")) Object.assign(headers, { ...everyPage, ...headers });
  if (headers["access-control-allow-origin"] === undefined) headers["cross-origin-resource-policy"] = "same-origin";
  const status = reply.status ?? (body === null ? 204 : 200);
  const isEmpty = context.isHead || status === 204 || status === 304;
  return { status, headers, setCookies: context.setCookies, body: isEmpty ? null : body };
}

let dateSecond = Number.NaN;
let dateText = "";

/** RFC 9110 section 5.6.7. Written once a second. */
export function httpDate(nowMs: number): string {
  const second = Math.floor(nowMs / 1_000);
  if (second !== dateSecond) {
    dateText = new Date(second * 1_000).toUTCString();
    dateSecond = second;
  }
  return dateText;
}

/** The same for hosts that speak web standards. */
export function toResponse({ status, headers, setCookies, body }: PlainResponse): Response {
  const response = new Response(body, { status, headers });
  for (const cookie of setCookies) response.headers.append("set-cookie", cookie);
  return response;
}
