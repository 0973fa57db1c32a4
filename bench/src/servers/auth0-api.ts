import express, { type ErrorRequestHandler } from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";
import type { HostedServer } from "../http/hosted.ts";
import { audience, issuer } from "../tokens.ts";

/** The same API guarded by express-oauth2-jwt-bearer. Its key set comes from this very server, once. */
export async function start(options: { jwks: object; port: number }): Promise<HostedServer> {
  const app = express();
  app.get("/jwks.json", (_req, res) => void res.json(options.jwks));
  const guard = auth({
    issuer,
    audience,
    jwksUri: `http://127.0.0.1:${options.port}/jwks.json`,
    tokenSigningAlg: "ES256",
    strict: true,
  });
  app.get("/orders", guard, requiredScopes("orders:read"), (req, res) => {
    res.json({ orders: [], for: req.auth?.payload.sub });
  });
  const refuse: ErrorRequestHandler = (error: { status?: number }, _req, res, _next) => {
    res.status(error.status ?? 500).json({ error: "refused" });
  };
  app.use(refuse);
  return { listener: app };
}
