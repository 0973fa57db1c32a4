// The application: nothing in it knows of brokers, traces or figures.
import { createServer } from "node:http";
import { getAuth, requireAuth, segnoMiddleware, toExpress } from "@segno/express";
import express from "express";
import { close, segno } from "./segno.ts";

await segno.ready();

const app = express();
app.use("/api/auth", toExpress(segno));
app.use(segnoMiddleware(segno));
app.get("/orders", requireAuth(), (request, response) => {
  const auth = getAuth(request);
  response.json({ for: auth.status === "authenticated" ? auth.subject : null });
});

const server = createServer(app);
server.listen(Number(process.env["PORT"]), "127.0.0.1", () => process.send?.({ isListening: true }));

process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  void close().finally(() => process.exit(0));
});
