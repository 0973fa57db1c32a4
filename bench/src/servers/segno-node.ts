import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Tokens } from "@segno/client";
import { getAuth, requireAuth, segnoMiddleware, toExpress } from "@segno/express";
import { createSegno, silentLogger } from "@segno/server";
import { redis } from "@segno/server/storage/redis";
import { postgres } from "@segno/server/storage/sql";
import { createMailCapture, openBrowser } from "@segno/testing";
import express from "express";
import { Redis } from "ioredis";
import pg from "pg";
import type { HostedServer } from "../http/hosted.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** One of several nodes on one PostgreSQL, with limits on Redis. With `families`, it signs somebody in first. */
export async function start(options: {
  databaseUrl: string;
  redisUrl: string;
  families?: number;
}): Promise<HostedServer> {
  const mail = createMailCapture();
  const segno = createSegno({
    baseUrl: "http://localhost:4000",
    secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
    database: postgres(new pg.Pool({ connectionString: options.databaseUrl, max: 10 })),
    hotState: redis(new Redis(options.redisUrl)),
    clientIp: { source: "header", header: "x-client" },
    email: mail,
    logger: silentLogger,
    production: false,
  });
  await segno.ready();
  const facts: Record<string, unknown> = {};
  if (options.families !== undefined) {
    const { handler, origin, basePath } = segno;
    const refreshTokens: string[] = [];
    for (let made = 0; made < options.families; made += 1) {
      // a session has few families: each signs in for itself
      const browser = openBrowser({ handler, origin, basePath, nowMs: Date.now });
      const email = `ada${made}@example.com`;
      const { body: attempt } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
      await browser.call("/v1/email/verify", { attemptId: attempt.attemptId, code: await mail.nextCode(email) });
      refreshTokens.push((await browser.call<Required<Tokens>>("/v1/session/grant", {})).body.refreshToken);
      facts["cookie"] = `segno.sid=${browser.cookies.get("segno.sid") ?? ""}`;
    }
    facts["refreshTokens"] = refreshTokens;
  }
  const app = express();
  app.use("/api/auth", toExpress(segno));
  app.use(segnoMiddleware(segno));
  app.get("/orders", requireAuth(), (req, res) => {
    const auth = getAuth(req);
    res.json({ orders: [], for: auth.status === "authenticated" ? auth.subject : "nobody" });
  });
  return {
    listener: app,
    facts,
    /** Checks that many sessions of the table and tells what the process holds afterwards. */
    async prepare(cookies) {
      for (const cookie of cookies as readonly string[]) await segno.authenticate({ headers: { cookie } });
      collectGarbage();
      return process.memoryUsage().heapUsed;
    },
  };
}
