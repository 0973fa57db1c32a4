// A small app in this process, so that a test can ask the engine itself what became of a sign-in.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as api from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { SegnoEvent } from "@segno/core";
import { toExpress } from "@segno/express";
import { createSegno, type Segno } from "@segno/server";
import { openTelemetry } from "@segno/server/observability";
import express from "express";
import { build } from "vite";
import type { Mailbox } from "./journeys.ts";
import type { RunningApp } from "./running-app.ts";

export interface WatchedApp extends RunningApp {
  readonly segno: Segno;
  /** What a module for the command line needs: the same database and secret. */
  readonly settings: { readonly baseUrl: string; readonly database: string; readonly secret: string };
  readonly mailbox: Mailbox;
  /** Delivered so far, oldest first. */
  readonly events: readonly SegnoEvent[];
  /** Finished spans of the service. */
  spans(): readonly ReadableSpan[];
  /** Moves the service's clock. */
  skip(minutes: number): void;
  /** Nobody listens on the port, until `up`. Both may be called twice. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function startWatchedApp(): Promise<WatchedApp> {
  const folder = mkdtempSync(join(tmpdir(), "segno-watched-"));
  const root = fileURLToPath(new URL("../watched-app/", import.meta.url));
  await build({ root, logLevel: "error", build: { outDir: join(folder, "page"), emptyOutDir: true } });

  const app = express();
  const server = createServer(app);
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://localhost:${port}`;

  const exporter = new InMemorySpanExporter();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const settings = {
    baseUrl,
    database: join(folder, "segno.db"),
    secret: "1:a-secret-for-tests-in-a-real-browser-only",
  };
  let skippedMs = 0;
  const segno = createSegno({
    ...settings,
    production: false,
    clock: { nowMs: () => Date.now() + skippedMs },
    telemetry: [openTelemetry({ api, tracer: tracers.getTracer("segno") })],
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  await segno.ready();
  const events: SegnoEvent[] = [];
  segno.on("*", (event) => void events.push(event));
  app.use("/api/auth", toExpress(segno));
  app.get(
    "/elsewhere",
    (_request, response) => void response.type("html").send("<title>Elsewhere</title><h1>Elsewhere</h1>"),
  );
  app.use(express.static(join(folder, "page")));

  const down = async () => {
    if (!server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  };
  return {
    url: baseUrl,
    segno,
    settings,
    events,
    mailbox: async () => segno.mailbox?.messages() ?? [],
    spans: () => exporter.getFinishedSpans(),
    skip: (minutes) => {
      skippedMs += minutes * 60_000;
    },
    down,
    up: async () => {
      if (!server.listening) await listen(port);
    },
    async stop() {
      await down();
      await segno.close();
      await tracers.shutdown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
