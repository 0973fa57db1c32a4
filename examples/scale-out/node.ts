// One node. It keeps nothing of its own: start as many as you like, stop any of them at any moment.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getAuth, requireAuth, segnoMiddleware, toExpress } from "@segno/express";
import { createSegno } from "@segno/server";
import { redis } from "@segno/server/storage/redis";
import { postgres } from "@segno/server/storage/sql";
import express from "express";
import { Redis } from "ioredis";
import pg from "pg";
import { mailFolder } from "./mail-folder.ts";

const { NODE_NAME = "node", PORT = "0", BASE_URL, DATABASE_URL, REDIS_URL = "", MAIL_FOLDER = "" } = process.env;

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10, connectionTimeoutMillis: 2_000 });
const hot = new Redis(REDIS_URL, { maxRetriesPerRequest: 1 });

// The same lines as on one machine, but for two: where the data is, and where requests are counted.
const segno = createSegno({
  ...(BASE_URL === undefined ? {} : { baseUrl: BASE_URL }),
  database: postgres(pool),
  hotState: redis(hot),
  email: mailFolder(MAIL_FOLDER),
  clientIp: { source: "forwarded", trustedProxies: ["127.0.0.1"] },
});
await segno.ready();

const app = express();
app.use((_request, response, next) => {
  response.setHeader("x-node", NODE_NAME);
  next();
});
app.use("/api/auth", toExpress(segno));
app.use("/.well-known", toExpress(segno));
app.use(segnoMiddleware(segno));
app.get("/orders", requireAuth(), (request, response) => {
  const auth = getAuth(request);
  response.json({ node: NODE_NAME, for: auth.status === "authenticated" ? auth.subject : null });
});

const server = createServer(app);
server.listen(Number(PORT), "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));

process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  void Promise.allSettled([segno.close(), pool.end()]).then(() => {
    hot.disconnect();
    process.exit(0);
  });
});
