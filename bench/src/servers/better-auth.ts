import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import express from "express";
import type { HostedServer } from "../http/hosted.ts";

/** Better Auth with its defaults on the same node:sqlite, rate limits off, no cookie cache (it answers from the store, as we do). */
export async function start(options: { port: number }): Promise<HostedServer> {
  const database = new DatabaseSync(join(mkdtempSync(join(tmpdir(), "bench-")), "auth.db"));
  database.exec("pragma journal_mode = wal");
  const auth = betterAuth({
    baseURL: `http://localhost:${options.port}`,
    secret: "bench-bench-bench-bench-bench-bench-bench",
    database,
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
  });
  await (await getMigrations(auth.options)).runMigrations();
  const { headers, response } = await auth.api.signUpEmail({
    body: { email: "ada@example.com", password: "correct horse battery", name: "Ada" },
    returnHeaders: true,
  });
  const cookie = headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");

  const app = express();
  app.all("/api/auth/{*any}", toNodeHandler(auth));
  app.get("/orders", async (req, res) => {
    const session = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
    if (session === null) res.status(401).json({ error: "refused" });
    else res.json({ orders: [], for: session.user.id });
  });
  return { listener: app, facts: { cookie, subject: response.user.id, path: "/api/auth/get-session" } };
}
