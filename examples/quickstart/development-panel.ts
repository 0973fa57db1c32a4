import type { SegnoEvent } from "@segno/core";
import type { Segno } from "@segno/server";
import express, { type Request, type RequestHandler, type Router } from "express";
import { skipMinutes, skippedMinutes } from "./segno.ts";

/**
 * Mailbox, live events, clock and key rotation for development. Answers only on loopback, only to a page of this very
 * host, and never in production.
 */
export function developmentPanel(segno: Segno): Router {
  const router = express.Router();
  const recent: SegnoEvent[] = [];
  segno.on("*", (event) => {
    recent.push(event);
    if (recent.length > 50) recent.shift();
  });
  router.use(onlyHere, express.json());

  router.get("/state", (_request, response) => {
    response.json({ mail: segno.mailbox?.messages() ?? [], skippedMinutes: skippedMinutes() });
  });

  router.get("/events", (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const send = (event: SegnoEvent) => {
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    };
    recent.forEach(send);
    const stop = segno.on("*", send);
    request.on("close", stop);
  });

  router.post("/clock", (_request, response) => {
    skipMinutes(15);
    response.json({ skippedMinutes: skippedMinutes() });
  });

  router.post("/rotate-key", async (_request, response) => {
    await segno.api.keys.rotate({ atOnce: true });
    response.status(204).end();
  });
  return router;
}

const onlyHere: RequestHandler = (request, response, next) => {
  if (process.env.NODE_ENV === "production" || !isLoopback(request) || !isSameSite(request)) {
    response.status(404).end();
    return;
  }
  next();
};

/** The socket and the Host header both: a rebound DNS name reaches the socket but not the name. */
function isLoopback(request: Request): boolean {
  const address = request.socket.remoteAddress ?? "";
  return (
    /^(127\.|::1$|::ffff:127\.)/.test(address) && /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(request.headers.host ?? "")
  );
}

function isSameSite(request: Request): boolean {
  const site = request.headers["sec-fetch-site"];
  return site === "same-origin" || (site === undefined && request.method === "GET");
}
