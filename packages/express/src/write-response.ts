import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { PlainResponse } from "@segno/core";

/** Sends a web response through Node: every cookie on its own line, `Vary` added to what is there, streams as streams. */
export async function writeResponse(response: Response, res: ServerResponse, isHead: boolean): Promise<void> {
  if (res.headersSent || res.destroyed) return void response.body?.cancel();
  res.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name === "set-cookie") res.appendHeader(name, value);
    else if (name === "vary") res.setHeader(name, mergeVary(res.getHeader("Vary"), value));
    else res.setHeader(name, value);
  }
  if (isHead || response.body === null) {
    void response.body?.cancel();
    return void res.end();
  }
  if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) return stream(response.body, res);
  res.end(new Uint8Array(await response.arrayBuffer()));
}

/** Sends a plain answer: one write, every cookie on its own line, `Vary` added to what is there. */
export function writePlain(answer: PlainResponse, res: ServerResponse): void {
  if (res.headersSent || res.destroyed) return;
  const { headers, setCookies, body } = answer;
  res.statusCode = answer.status;
  for (const name in headers) {
    const value = headers[name] ?? "";
    res.setHeader(name, name === "vary" ? mergeVary(res.getHeader("Vary"), value) : value);
  }
  for (const cookie of setCookies) res.appendHeader("set-cookie", cookie);
  if (body === null) res.end();
  else res.end(body);
}

async function stream(body: Response["body"], res: ServerResponse): Promise<void> {
  res.flushHeaders();
  // a reader that leaves ends the stream; that is its normal end
  await pipeline(Readable.fromWeb(body as ReadableStream), res).catch(() => undefined);
}

function mergeVary(before: number | string | string[] | undefined, added: string): string {
  const names = [before ?? [], added]
    .flat()
    .join(",")
    .split(",")
    .map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))].join(", ");
}
