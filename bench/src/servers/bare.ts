import express from "express";
import type { HostedServer } from "../http/hosted.ts";

/** Express and nothing else: what every adapter is held against. */
export async function start(): Promise<HostedServer> {
  const app = express();
  app.get("/orders", (_req, res) => void res.json({ orders: [], for: "nobody" }));
  return { listener: app };
}
