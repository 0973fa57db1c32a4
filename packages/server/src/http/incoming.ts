import type { PlainRequest } from "@segno/core";
import { readHeader } from "./headers.js";

/** What the engine reads of a request. A `Request` is one; so is what an adapter states without building one. */
export interface Incoming {
  readonly method: string;
  /** Absolute and normalised, at the configured origin. */
  readonly url: string;
  readonly headers: IncomingHeaders;
}
export interface IncomingHeaders {
  /** @param name in lower case */
  get(name: string): string | null;
}

/** With the body, which only the reader of bodies touches. */
export interface IncomingWithBody extends Incoming {
  readonly body: ReadableStream<Uint8Array> | Uint8Array | string | null;
}

/** A plain request in the shape of a `Request`. Headers are looked up when they are asked for, and never copied. */
export function incomingOf({ method, url, headers, body }: PlainRequest): IncomingWithBody {
  return { method, url, body: body ?? null, headers: { get: (name) => readHeader(headers, name) } };
}
