import { createLocalKeySet, createStatusList } from "@segno/core";
import { getAuth, requireAccessToken } from "@segno/express";
import express from "express";
import type { HostedServer } from "../http/hosted.ts";
import { audience, issuer, listServer } from "../tokens.ts";

/** An API in another process than the engine: tokens are checked offline. */
export async function start(options: {
  jwks: Parameters<typeof createLocalKeySet>[0];
  list: string;
}): Promise<HostedServer> {
  const app = express();
  const keys = createLocalKeySet(options.jwks);
  const statusList = createStatusList({ issuer, keys, fetch: listServer(() => options.list) });
  const guard = requireAccessToken({ issuer, audience, keys, statusList, scope: "orders:read" });
  app.get("/orders", guard, (req, res) => {
    const auth = getAuth(req);
    res.json({ orders: [], for: auth.status === "authenticated" ? auth.subject : "nobody" });
  });
  return { listener: app };
}
