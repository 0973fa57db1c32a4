import type { IncomingMessage, ServerResponse } from "node:http";

/** What the adapter reads of an Express request. Any Express 5 `Request` is one. */
export type NodeRequest = IncomingMessage & {
  /** The target as it came in, before a mount path was cut off. */
  readonly originalUrl?: string;
  /** The part of the path that `app.use(path, ...)` cut off. */
  readonly baseUrl?: string;
  /** Set by a body parser that ran earlier. */
  readonly body?: unknown;
};

/**
 * An Express 5 handler, in the words of `node:http`: it fits `app.use`, `app.get` and a bare `node:http` server alike,
 * and the declarations of this package need no types of Express.
 */
export type NodeMiddleware = (req: NodeRequest, res: ServerResponse, next: (error?: unknown) => void) => void;
