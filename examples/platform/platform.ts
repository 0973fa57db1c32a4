// NATS, Prometheus, two receivers and the application, each on a port of its own.
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installApp } from "./installed.ts";
import { type OtlpReceiver, startOtlpReceiver, startWebhookReceiver, type WebhookReceiver } from "./receivers.ts";
import { createStream, readStream, type StreamMessage } from "./stream.ts";

interface Server {
  readonly url: string;
  readonly version: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}
type Started = Server | { readonly missing: string };

// how the repository starts throw-away servers for its tests
const scripts = new URL("../../scripts/", import.meta.url);
const script = async (name: string): Promise<unknown> => await import(new URL(name, scripts).href);
const { startNats } = (await script("nats.mjs")) as { startNats(): Promise<Started> };
const { startPrometheus } = (await script("prometheus.mjs")) as {
  startPrometheus(options: Readonly<Record<"job" | "target" | "path" | "token", string>>): Promise<Started>;
};
const { freePort } = (await script("postgres.mjs")) as { freePort(): Promise<number> };

export interface Platform {
  readonly appUrl: string;
  readonly prometheusUrl: string;
  readonly otlp: OtlpReceiver;
  readonly webhooks: WebhookReceiver;
  readonly nats: Pick<Server, "kill" | "restart"> & { read(): Promise<StreamMessage[]> };
  /** Waits for a mail to the address and gives back its six digits. */
  codeFor(email: string): Promise<string>;
  stop(): Promise<void>;
}

/** What has to be installed, when something is missing. */
export class MissingServers extends Error {}

export async function startPlatform(say: (line: string) => void): Promise<Platform> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  const kept = <Kept extends { stop(): Promise<void> }>(started: Kept | { readonly missing: string }): Kept => {
    if ("missing" in started) throw new MissingServers(started.missing);
    stops.push(() => started.stop());
    return started;
  };
  try {
    const nats = kept(await startNats());
    await createStream(nats.url);
    say(`NATS ${nats.version}  ${nats.url}`);
    const port = await freePort();
    const metricsToken = randomBytes(24).toString("base64url");
    const path = "/api/auth/metrics";
    const scraped = { job: "segno", target: `127.0.0.1:${port}`, path, token: metricsToken };
    const prometheus = kept(await startPrometheus(scraped));
    say(`Prometheus ${prometheus.version}  ${prometheus.url}`);
    const otlp = kept(await startOtlpReceiver());
    say(`OTLP receiver  ${otlp.url}`);
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const webhooks = kept(await startWebhookReceiver(secret));
    say(`webhook receiver  ${webhooks.url}`);
    const folder = mkdtempSync(join(tmpdir(), "segno-platform-"));
    stops.push(() => rmSync(folder, { recursive: true, force: true }));
    const appUrl = `http://localhost:${port}`;
    const app = await startApp(installApp(folder), {
      BASE_URL: appUrl,
      PORT: `${port}`,
      NATS_URL: nats.url,
      WEBHOOK_URL: webhooks.url.replace("127.0.0.1", "localhost"),
      WEBHOOK_SECRET: secret,
      METRICS_TOKEN: metricsToken,
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
      OTEL_BSP_SCHEDULE_DELAY: "200",
      OTEL_BLRP_SCHEDULE_DELAY: "200",
      SEGNO_DATABASE_URL: join(folder, "segno.db"),
      SEGNO_SECRET: `1:${randomBytes(32).toString("base64url")}`,
    });
    stops.push(() => app.end());
    say(`application  ${appUrl}`);
    return {
      appUrl,
      prometheusUrl: prometheus.url,
      otlp,
      webhooks,
      nats: { kill: nats.kill, restart: nats.restart, read: () => readStream(nats.url) },
      codeFor: app.codeFor,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Told {
  readonly isListening?: true;
  readonly mail?: { readonly to: string; readonly text: string };
}

async function startApp(entry: string, environment: Readonly<Record<string, string>>) {
  const child: ChildProcess = fork(entry, { env: { ...process.env, ...environment } });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const codes = new Map<string, string>();
  const listening = Promise.withResolvers<void>();
  child.on("message", (told: Told) => {
    if (told.isListening === true) listening.resolve();
    const code = told.mail?.text.replaceAll(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0];
    if (told.mail !== undefined && code !== undefined) codes.set(told.mail.to, code);
  });
  await Promise.race([
    listening.promise,
    ended.then(() => Promise.reject(new Error("The application did not start."))),
  ]);
  return {
    async codeFor(email: string): Promise<string> {
      for (let tries = 0; tries < 200; tries += 1) {
        const code = codes.get(email);
        if (code !== undefined && codes.delete(email)) return code;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`No mail to ${email} within 10 s.`);
    },
    async end(): Promise<void> {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
