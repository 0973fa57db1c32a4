import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInMemoryClient, createTestSegno, type TestSegno } from "@segno/testing";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { isInstalled } from "../../test/peers.js";
import { durationBounds, metricDefinitions, prometheusName, safeLabel } from "./metrics.js";
import { prometheusText } from "./prometheus-text.js";
import { createRegistry } from "./registry.js";

const token = "scrape-me-0123456789-abcdefghijklmnop";
let test: TestSegno | undefined;
afterEach(async () => {
  await test?.close();
  test = undefined;
});
const scrape = (headers: Record<string, string> = {}) =>
  test?.segno.handler(new Request(`${test.origin}/api/auth/metrics`, { headers }));

async function signIn(from: TestSegno): Promise<void> {
  const { client } = createInMemoryClient(from.segno);
  const { data } = await client.email.start({ email: "ada@example.com" });
  const code = await from.mail.nextCode("ada@example.com");
  await client.email.verify({ attemptId: data?.attemptId ?? "", code: "000000" });
  expect((await client.email.verify({ attemptId: data?.attemptId ?? "", code })).error).toBeNull();
  expect((await client.getToken()).error).toBeNull();
  await from.settle();
}

describe("GET /metrics", () => {
  it("is not there unasked, and without a token of its own", async () => {
    test = await createTestSegno();
    expect((await scrape())?.status).toBe(404);
    await expect(test.segno.metricsText()).rejects.toThrow("metrics to true");
    await test.close();
    test = await createTestSegno({ metrics: true });
    expect((await scrape({ authorization: `Bearer ${token}` }))?.status).toBe(404);
    expect(await test.segno.metricsText()).toContain("# TYPE segno_sign_ins_total counter");
  });

  it("is for whoever holds the token", async () => {
    test = await createTestSegno({ metrics: { token } });
    for (const headers of [{}, { authorization: `Bearer ${token}x` }, { authorization: `Basic ${token}` }])
      expect((await scrape(headers as Record<string, string>))?.status).toBe(401);
    const answer = await scrape({ authorization: `Bearer ${token}` });
    expect(answer?.status).toBe(200);
    expect(answer?.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer?.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("takes no short token", async () => {
    await expect(createTestSegno({ metrics: { token: "short" } })).rejects.toThrow("metrics.token");
  });

  it("tells what happened, of the attempts also who gave up", async () => {
    test = await createTestSegno({ metrics: true, audit: {} });
    await signIn(test);
    const { client } = createInMemoryClient(test.segno);
    await client.email.start({ email: "grace@example.com" });
    await test.settle();
    test.clock.advance({ minutes: 11 });
    const text = await test.segno.metricsText();
    expect(text).toContain('segno_sign_ins_total{method="email_code",outcome="success"} 1\n');
    expect(text).toContain('segno_sign_ins_total{method="email_code",outcome="failure"} 1\n');
    expect(text).toContain('segno_attempts{kind="email_sign_in",outcome="finished"} 1\n');
    expect(text).toContain('segno_attempts{kind="email_sign_in",outcome="abandoned"} 1\n');
    expect(text).toContain('segno_token_duration_seconds_count{operation="session_token",outcome="success"} 1\n');
    expect(text).toMatch(/segno_key_use_duration_seconds_bucket\{custody="local",outcome="success",le="\+Inf"\} 1\n/);
    expect(text).toMatch(/^segno_outbox_waiting 0$/m);
    expect(text).toMatch(/^segno_audit_waiting \d+$/m);
  });

  it("counts refusals by their limit, and credentials that were refused by their code", async () => {
    test = await createTestSegno({ metrics: true });
    const browser = test.browser();
    for (let index = 0; index < 12; index += 1) await browser.call("/v1/email/start", { email: "ada@example.com" });
    await browser.fetch("/api/auth/v1/session", { headers: { authorization: "Bearer not-a-token" } });
    const text = await test.segno.metricsText();
    expect(text).toMatch(/segno_rate_limit_refusals_total\{rule="[a-z_.]+"\} \d+\n/);
    expect(text).toContain('segno_verification_failures_total{code="token_malformed"} 1\n');
  });
});

describe("the text format", () => {
  it("sums buckets up, and ends in +Inf", () => {
    const registry = createRegistry();
    for (const value of [0.0005, 0.3, 99]) registry.line("segno.mail.send.duration", { outcome: "success" })(value);
    const text = prometheusText(registry, []);
    const counts = [...text.matchAll(/segno_mail_send_duration_seconds_bucket\{[^}]*le="([^"]+)"\} (\d+)/g)];
    expect(counts.map(([, bound]) => bound)).toEqual([...durationBounds.map(String), "+Inf"]);
    expect(counts.map(([, , count]) => Number(count))).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]);
    expect(text).toMatch(/segno_mail_send_duration_seconds_sum\{outcome="success"\} 99.3005\n/);
  });

  it("T-072: a label says nothing that a client chose, and a metric never grows without bound", () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.emailAddress(),
      fc.ipV4(),
      fc.ipV6(),
      fc.stringMatching(/^\+?\d{9,15}$/),
      fc.uuid(),
    );
    fc.assert(
      fc.property(hostile, (text) => {
        const said = safeLabel(text);
        expect(said === "other" || said === text).toBe(true);
        if (/@|\d{5}|"|\n|\s|^[\d.:]+$/.test(text)) expect(said).toBe("other");
      }),
    );
    const registry = createRegistry();
    for (let index = 0; index < 2_000; index += 1) registry.line("segno.risk_alerts", { kind: `kind-${index}` })(1);
    const series = registry.series("segno.risk_alerts");
    expect(series.length).toBeLessThanOrEqual(301);
    expect(series.reduce((sum, { count }) => sum + count, 0)).toBe(2_000);
  });

  it("has a name of its own for each metric", () => {
    const names = metricDefinitions.map(prometheusName);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z_]*$/);
  });
});

const promtool = isInstalled("promtool");
describe.skipIf(!promtool)(`the real promtool${promtool ? "" : " (not installed)"}`, () => {
  it("finds nothing to say", async () => {
    test = await createTestSegno({ metrics: true });
    await signIn(test);
    const text = await test.segno.metricsText();
    const said = await new Promise<string>((resolve, reject) => {
      const child = execFile("promtool", ["check", "metrics"], (error, stdout, stderr) =>
        error === null ? resolve(stdout + stderr) : reject(new Error(`${stdout}${stderr}`)),
      );
      child.stdin?.end(text);
    });
    expect(said).toBe("");
  });
});

const prometheus = isInstalled("prometheus");
describe.skipIf(!prometheus)(`a real Prometheus${prometheus ? "" : " (not installed)"}`, () => {
  it("scrapes with the token and answers a query", { timeout: 60_000 }, async () => {
    const engine = await createTestSegno({ metrics: { token } });
    test = engine;
    await signIn(engine);
    const server = createServer((request, response) => {
      const headers = { authorization: request.headers.authorization ?? "" };
      void engine.segno
        .handler(new Request(`${engine.origin}${request.url}`, { headers }))
        .then(async (answer) =>
          response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text()),
        );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const folder = mkdtempSync(join(tmpdir(), "segno-prometheus-"));
    const lines = [
      "scrape_configs:",
      "  - job_name: segno",
      "    scrape_interval: 1s",
      "    scrape_timeout: 1s",
      "    metrics_path: /api/auth/metrics",
      "    authorization: { credentials_file: token }",
      `    static_configs: [{ targets: ["${target}"] }]`,
    ];
    writeFileSync(join(folder, "prometheus.yml"), lines.join("\n"));
    writeFileSync(join(folder, "token"), token);
    const port = await freePort();
    const child = spawn(
      "prometheus",
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: "ignore" },
    );
    try {
      const query = 'segno_sign_ins_total{outcome="success"}';
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      const found = await eventually(async () => {
        const answer = (await (await fetch(url)).json()) as {
          data: { result: { metric: Record<string, string>; value: [number, string] }[] };
        };
        return answer.data.result[0];
      });
      expect(found).toMatchObject({ metric: { job: "segno", method: "email_code" }, value: [expect.any(Number), "1"] });
    } finally {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function eventually<Value>(ask: () => Promise<Value | undefined>): Promise<Value> {
  const untilMs = Date.now() + 40_000;
  for (;;) {
    const value = await ask().catch(() => undefined);
    if (value !== undefined) return value;
    if (Date.now() > untilMs) throw new Error("Prometheus did not scrape in time.");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
