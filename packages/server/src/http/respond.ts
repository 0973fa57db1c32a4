import type { Reply } from "./route.js";

interface ResponseContext {
  readonly requestId: string;
  readonly shared: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly isHead: boolean;
}

const everyResponse = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

/** A page that runs nothing, loads nothing, posts home only and fits into no frame. */
const everyPage = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** A reply as a response, with the headers every answer carries; a reply's own headers win. */
export function createResponse(reply: Reply, context: ResponseContext): Response {
  const headers: Record<string, string> = { ...everyResponse, "x-request-id": context.requestId };
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
  for (const [name, value] of Object.entries(context.shared)) headers[name] = value;
  for (const [name, value] of Object.entries(reply.headers ?? {})) headers[name.toLowerCase()] = value;
  if (headers["content-type"]?.startsWith("text/html")) Object.assign(headers, { ...everyPage, ...headers });
  if (headers["access-control-allow-origin"] === undefined) headers["cross-origin-resource-policy"] = "same-origin";
  const status = reply.status ?? (body === null ? 204 : 200);
  const isEmpty = context.isHead || status === 204 || status === 304;
  const response = new Response(isEmpty ? null : body, { status, headers });
  for (const cookie of context.setCookies) response.headers.append("set-cookie", cookie);
  return response;
}
