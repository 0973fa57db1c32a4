import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tokens } from "@segno/client";
import { getAuth, requireAuth, segnoMiddleware, toExpress } from "@segno/express";
import { createSegno, silentLogger } from "@segno/server";
import { openTelemetry, type OtelContext } from "@segno/server/observability";
import { sqlite } from "@segno/server/storage/sql";
import { createMailCapture, openBrowser } from "@segno/testing";
import express from "express";
import type { HostedServer } from "../http/hosted.ts";
import { audience } from "../tokens.ts";
import { keyService, secretService, serviceKey, serviceScope } from "./services.ts";

const introspector = { id: "api", secret: "bench-secret-bench-secret-bench-secret" };

function plainSpans() {
  const root: OtelContext = { getValue: () => undefined, setValue: () => root, deleteValue: () => root };
  const place = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
  const span = { spanContext: () => place, setAttributes: () => span, setStatus: () => span, end: () => {} };
  const trace = { getSpanContext: () => undefined, setSpanContext: () => root };
  const api = { ROOT_CONTEXT: root, context: { active: () => root }, trace };
  return openTelemetry({ api, tracer: { startSpan: () => span } });
}

/** An application with the engine inside, on a SQLite file, with durable commits unless told otherwise; rate limits off, as at the peers. */
export async function start(options: {
  port: number;
  lanes?: number;
  durability?: "full" | "normal";
  /** Figures for Prometheus, or spans by a tracer that does as little as one can: what is ours of the cost, without the SDK's. */
  telemetry?: "figures" | "spans";
}): Promise<HostedServer> {
  const mail = createMailCapture();
  const { publicJwk, privateJwk } = serviceKey();
  const service = { scopes: [serviceScope], audiences: [audience] };
  const segno = createSegno({
    baseUrl: `http://localhost:${options.port}`,
    secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
    database: sqlite(join(mkdtempSync(join(tmpdir(), "bench-")), "segno.db"), {
      durability: options.durability ?? "full",
    }),
    clientIp: { source: "socket" },
    email: mail,
    logger: silentLogger,
    production: false,
    rateLimit: false,
    services: {
      [secretService.id]: {
        ...service,
        authentication: { method: "client_secret_basic", secret: secretService.secret },
      },
      [keyService.id]: { ...service, authentication: { method: "private_key_jwt", jwks: { keys: [publicJwk] } } },
    },
    ...(options.telemetry === "figures" ? { metrics: true } : {}),
    ...(options.telemetry === "spans" ? { telemetry: [plainSpans()] } : {}),
    tokens: { introspectionClients: { [introspector.id]: introspector.secret } },
  });
  await segno.ready();
  const browser = openBrowser({
    handler: segno.handler,
    origin: segno.origin,
    basePath: segno.basePath,
    nowMs: Date.now,
  });
  const { body: attempt } = await browser.call<{ attemptId: string }>("/v1/email/start", { email: "ada@example.com" });
  const code = await mail.nextCode("ada@example.com");
  const { body: signedIn } = await browser.call<{ user: { id: string } }>("/v1/email/verify", {
    attemptId: attempt.attemptId,
    code,
  });
  const grant = async () => (await browser.call<Required<Tokens>>("/v1/session/grant", {})).body;
  const grants: Required<Tokens>[] = [];
  for (let lane = 0; lane < (options.lanes ?? 1); lane += 1) grants.push(await grant());

  const app = express();
  app.use("/api/auth", toExpress(segno));
  app.use(segnoMiddleware(segno));
  app.get("/orders", requireAuth(), (req, res) => {
    const auth = getAuth(req);
    res.json({ orders: [], for: auth.status === "authenticated" ? auth.subject : "nobody" });
  });
  return {
    listener: app,
    facts: {
      cookie: `segno.sid=${browser.cookies.get("segno.sid") ?? ""}`,
      subject: signedIn.user.id,
      accessToken: grants[0]?.accessToken ?? "",
      refreshTokens: grants.map(({ refreshToken }) => refreshToken),
      authorization: `Basic ${Buffer.from(`${introspector.id}:${introspector.secret}`).toString("base64")}`,
      serviceKey: privateJwk,
      issuer: segno.issuer,
      tokenPath: "/api/auth/oauth2/token",
      introspectionPath: "/api/auth/oauth2/introspect",
      path: "/api/auth/v1/session",
    },
    /** Fresh access tokens. Their events are delivered before the round begins: it measures checks, not what is left of issuing. */
    async prepare(count) {
      const tokens: string[] = [];
      const delivered = new Promise<void>((resolve) => {
        let left = Number(count);
        const stop = segno.on("token.issued", () => {
          left -= 1;
          if (left > 0) return;
          stop();
          setTimeout(resolve, 50);
        });
      });
      for (let made = 0; made < Number(count); made += 1) {
        tokens.push((await browser.call<Tokens>("/v1/session/token", {})).body.accessToken);
      }
      await delivered;
      return tokens;
    },
  };
}
