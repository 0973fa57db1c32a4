import { createServer } from "node:http";
import { type AddressInfo, createServer as createProbe } from "node:net";
import { fileURLToPath } from "node:url";
import { getAuth, requireAccessToken, requireAuth, segnoMiddleware, toExpress } from "@segno/express";
import express from "express";
import { createServer as createVite } from "vite";
import { developmentPanel } from "./development-panel.ts";
import { printEvents } from "./event-lines.ts";
import { clock, openSegno } from "./segno.ts";

const port = await freePort(Number(process.env.PORT ?? 3000));
const baseUrl = `http://localhost:${port}`;
const segno = openSegno(baseUrl);
await segno.ready().catch((error: unknown) => {
  console.error(`\n  Segno could not start: ${error instanceof Error ? error.message : String(error)}`);
  console.error("  To begin afresh, delete the folder examples/quickstart/.segno and start again.\n");
  process.exit(1);
});

const app = express();
const server = createServer(app);
app.use("/api/auth", toExpress(segno));
app.use("/.well-known", toExpress(segno));
app.use("/development", developmentPanel(segno));

// An API that trusts the access token alone: it would work the same in another process.
const checkToken = requireAccessToken({ issuer: segno.issuer, audience: segno.issuer, scope: "orders:read", clock });
app.get("/api/orders", checkToken, (_request, response) => {
  response.json({
    orders: [
      { id: 1, what: "A treble clef", price: 12 },
      { id: 2, what: "A metronome", price: 30 },
    ],
  });
});

// A route of the app itself: the session cookie is enough, but the passkey must be fresh.
app.use(segnoMiddleware(segno));
app.post("/api/transfer", requireAuth({ acr: "phr", maxAgeSeconds: 300 }), (request, response) => {
  const auth = getAuth(request);
  response.json({ done: auth.status === "authenticated", by: auth.status === "authenticated" ? auth.acr : "nobody" });
});

const root = fileURLToPath(new URL(".", import.meta.url));
const vite = await createVite({
  root,
  server: { middlewareMode: true, ws: { server } },
  appType: "spa",
  logLevel: "warn",
});
app.use(vite.middlewares);

server.listen(port, "127.0.0.1", () => {
  console.log(`\n  Segno quickstart is running. Open  ${baseUrl}\n`);
  console.log("  The mailbox, the live events and the clock are in the development panel at the foot of every page.");
  console.log("  Your data is in examples/quickstart/.segno. Stop with Ctrl+C.\n");
  console.log("  Events follow here as they happen (UTC): type, outcome, account, request.\n");
  printEvents(segno);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
    void Promise.allSettled([vite.close(), segno.close()]).then(() => process.exit(0));
  });
}

/** The first free port from `wanted` on; says so when it had to move. */
async function freePort(wanted: number): Promise<number> {
  for (let candidate = wanted; candidate < wanted + 20; candidate += 1) {
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = createProbe();
      probe.once("error", () => resolve(false));
      probe.listen(candidate, "127.0.0.1", () => {
        const { port: taken } = probe.address() as AddressInfo;
        probe.close(() => resolve(taken === candidate));
      });
    });
    if (isFree) {
      if (candidate !== wanted) console.log(`  Port ${wanted} is taken: using ${candidate}.`);
      return candidate;
    }
  }
  console.error(`Ports ${wanted} to ${wanted + 19} are all taken. Choose another with: PORT=4000 npm start`);
  process.exit(1);
}
