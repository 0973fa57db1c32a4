import { SegnoError, type SegnoEngine } from "@segno/core";
import { originOf, peerOf } from "./attach.js";
import type { NodeMiddleware, NodeRequest } from "./node-types.js";
import { refuse } from "./refuse.js";
import { ClientGone, pathOf, toPlainRequest, toRequest } from "./to-request.js";
import { writePlain, writeResponse } from "./write-response.js";

/** Options of `toExpress`. */
export interface ToExpressOptions {
  /** Largest request body in bytes; default 131072. The engine has tighter limits per route. */
  readonly maxBodyBytes?: number;
}

/**
 * Mounts an engine in Express 5. Mount it twice: at the engine's base path, and at `/.well-known`, where what the
 * engine does not know is left to the application.
 *
 * Put it before body parsers. A body that `express.json()`, `express.text()`, `express.raw()` or
 * `express.urlencoded()` already read is put together again; one that something else read is a TypeError.
 * A client that goes away while sending is forgotten; one that goes away while the engine works does not undo the work.
 *
 * @example
 * app.use("/api/auth", toExpress(segno));
 * app.use("/.well-known", toExpress(segno));
 */
export function toExpress(segno: SegnoEngine, options: ToExpressOptions = {}): NodeMiddleware {
  const origin = originOf(segno);
  const maxBodyBytes = options.maxBodyBytes ?? 131_072;
  const warnOnce = mountWarning(segno.basePath);
  return (req, res, next) => {
    const path = pathOf(req);
    const isWellKnown = path.startsWith("/.well-known/");
    const isRead = req.method === "GET" || req.method === "HEAD";
    if (path !== segno.basePath && !path.startsWith(`${segno.basePath}/`) && !(isWellKnown && isRead)) {
      warnOnce(req);
      return next();
    }
    answer().catch((caught: unknown) => {
      if (caught instanceof ClientGone) return;
      const error = SegnoError.from(caught);
      if (error.code === "internal") return next(error.cause ?? error);
      if (error.code === "payload_too_large") res.setHeader("Connection", "close");
      refuse(req, res, error);
    });

    async function answer(): Promise<void> {
      if (segno.handle !== undefined) {
        const request = toPlainRequest(req, origin, maxBodyBytes);
        const plain = await segno.handle(request instanceof Promise ? await request : request, peerOf(req));
        if (isWellKnown && plain.status === 404) return next();
        return writePlain(plain, res);
      }
      const request = await toRequest(req, origin, maxBodyBytes);
      const response = await segno.handler(request, peerOf(req));
      if (isWellKnown && response.status === 404) return next();
      await writeResponse(response, res, req.method === "HEAD");
    }
  };
}

/** A mount path that can never match is a mistake worth one line, not a puzzle. */
function mountWarning(basePath: string): (req: NodeRequest) => void {
  let isDone = false;
  return ({ baseUrl = "" }) => {
    if (isDone || baseUrl === "" || baseUrl === "/.well-known" || basePath.startsWith(baseUrl.toLowerCase())) return;
    isDone = true;
    process.emitWarning(`toExpress is mounted at a path that is not below the engine's basePath "${basePath}".`);
  };
}
