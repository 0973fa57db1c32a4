import { SegnoError } from "@segno/core";
import { type EngineSource, publicUrl } from "./engine.js";
import { refusal } from "./refusal.js";

type Handler = (request: Request) => Promise<Response>;

/** Route handlers, one per method. */
export interface Handlers {
  readonly GET: Handler;
  readonly HEAD: Handler;
  readonly POST: Handler;
  readonly PATCH: Handler;
  readonly PUT: Handler;
  readonly DELETE: Handler;
  readonly OPTIONS: Handler;
}

/** Hands requests to the engine in process, under the configured origin. */
export function createHandlers(engine: EngineSource): Handlers {
  const handle: Handler = async (request) => {
    const segno = engine();
    let forwarded: Request;
    try {
      const { method, headers, body } = request;
      const init: RequestInit & { duplex: "half" } = { method, headers, body, duplex: "half" };
      forwarded = new Request(publicUrl(segno, request), init);
    } catch (cause) {
      return refusal(request, new SegnoError("invalid_input", undefined, { cause }));
    }
    return segno.handler(forwarded);
  };
  return { GET: handle, HEAD: handle, POST: handle, PATCH: handle, PUT: handle, DELETE: handle, OPTIONS: handle };
}
