import type { IncomingMessage } from "node:http";
import { type PlainRequest, SegnoError } from "@segno/core";
import type { NodeRequest } from "./node-types.js";

/** The connection ended before the request did: nobody is there to be answered. */
export class ClientGone extends Error {}

/** The path of the target as it came in, with no query and nothing normalised. */
export function pathOf(req: NodeRequest): string {
  const target = req.originalUrl ?? req.url ?? "";
  const end = target.indexOf("?");
  return end === -1 ? target : target.slice(0, end);
}

/** A path that every URL parser leaves as it is: no dot segment, no percent sign, no empty segment. */
const plainPath = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

/**
 * The absolute URL of a request. Scheme and host come from the configuration (T-033).
 * @throws SegnoError `invalid_input` for a target with dot segments, a fragment or anything else that a URL parser
 *   would read differently (T-029, T-042)
 */
function urlOf(req: NodeRequest, origin: string): string {
  const target = req.originalUrl ?? req.url ?? "";
  if (plainPath.test(target)) return origin + target;
  const url = URL.parse(origin + target);
  if (url === null || url.pathname !== pathOf(req) || url.origin !== origin) throw new SegnoError("invalid_input");
  return url.href;
}

/**
 * A Node request in plain words, with its whole body, if it has one.
 * @throws SegnoError `invalid_input` as above; `payload_too_large`
 */
export function toPlainRequest(
  req: NodeRequest,
  origin: string,
  maxBodyBytes: number,
): PlainRequest | Promise<PlainRequest> {
  const { method = "GET", headers } = req;
  const url = urlOf(req, origin);
  if (method === "GET" || method === "HEAD") return { method, url, headers };
  return bodyOf(req, maxBodyBytes).then((body) => ({ method, url, headers, ...(body === undefined ? {} : { body }) }));
}

/**
 * A web request out of a Node one.
 * @throws SegnoError as above; `method_not_allowed`
 */
export async function toRequest(req: NodeRequest, origin: string, maxBodyBytes: number): Promise<Request> {
  const url = urlOf(req, origin);
  const method = req.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? await bodyOf(req, maxBodyBytes) : undefined;
  const headers = headersOf(req, body !== undefined && req.readableDidRead && req.body !== undefined);
  try {
    return new Request(url, { method, headers, ...(body === undefined ? {} : { body }) });
  } catch (cause) {
    throw new SegnoError("method_not_allowed", undefined, { cause });
  }
}

/** Describe one connection or one encoding of the body, not the message that is handed on. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "expect",
]);
const ofBody = new Set(["content-length", "content-encoding"]);

function headersOf(req: IncomingMessage, isRestored: boolean): Headers {
  const headers = new Headers();
  for (const name in req.headers) {
    const value = req.headers[name];
    if (value === undefined || hopByHop.has(name) || name.startsWith(":") || (isRestored && ofBody.has(name))) continue;
    try {
      if (typeof value === "string") headers.set(name, value);
      else for (const one of value) headers.append(name, one);
    } catch (cause) {
      throw new SegnoError("invalid_input", undefined, { cause });
    }
  }
  return headers;
}

async function bodyOf(req: NodeRequest, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | string | undefined> {
  if (req.readableDidRead || req.readableEnded) return restoreBody(req);
  const declared = req.headers["content-length"];
  if (declared === "0" || (declared === undefined && req.headers["transfer-encoding"] === undefined)) return undefined;
  if (Number(declared) > maxBytes) throw new SegnoError("payload_too_large");
  return readBody(req, maxBytes);
}

function readBody(req: IncomingMessage, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else {
        req.pause();
        req.removeAllListeners("data");
        reject(new SegnoError("payload_too_large"));
      }
    });
    const gone = () => reject(new ClientGone());
    req.once("end", () => {
      // every request closes after its end: only one that did not end was given up
      req.off("close", gone);
      resolve(Buffer.concat(chunks));
    });
    req.once("error", gone);
    req.once("close", gone);
  });
}

/** A parser ran before us: what it left in `req.body` is put into the form the content type promises. */
function restoreBody(req: NodeRequest): Uint8Array<ArrayBuffer> | string {
  const { body } = req;
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return new Uint8Array(body);
  const type = req.headers["content-type"] ?? "";
  if (typeof body === "object" && body !== null) {
    if (!/^application\/x-www-form-urlencoded/i.test(type)) return JSON.stringify(body);
    return restoreForm(Object.entries(body));
  }
  throw new TypeError("The request body was read before toExpress and not kept: mount toExpress before body parsers.");
}

/** Repeated fields stay repeated, so that the engine can refuse them (T-083); nested ones have no flat form. */
function restoreForm(fields: readonly (readonly [string, unknown])[]): string {
  const form = new URLSearchParams();
  for (const [name, value] of fields) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one !== "string") throw new SegnoError("invalid_input");
      form.append(name, one);
    }
  }
  return form.toString();
}
