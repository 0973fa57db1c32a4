// The demonstration: one sign-in, and what arrives where. Each line is checked, and one that does not hold fails it.
import { randomBytes } from "node:crypto";
import type { Platform } from "./platform.ts";

const patienceMs = 30_000;

export async function show(platform: Platform, say: (line: string) => void): Promise<boolean> {
  let holds = true;
  const check = async (line: string, isTrue: () => boolean | Promise<boolean>) => {
    const isSo = await within(patienceMs, isTrue);
    holds &&= isSo;
    say(`${isSo ? "ok " : "NOT"}  ${line}`);
  };
  const { nats, otlp, webhooks } = platform;
  const published = async (type: string) => (await nats.read()).filter((message) => message.type === type);

  // a page of ours with tracing of its own: Segno joins its trace
  const traceId = randomBytes(16).toString("hex");
  await check("Ada signs in by a mailed code, and GET /orders knows her", () =>
    signIn(platform, "ada@example.com", traceId),
  );

  await check("NATS: the stream IDENTITY has segno.login.success once", async () => {
    return (await published("login.success")).length === 1;
  });
  const [signedIn] = await published("login.success");
  const id = signedIn?.id ?? "";
  await check(
    "webhook: the same event, by id, with a signature that holds",
    () => webhooks.received.get(id) === signInType,
  );
  await check("OTLP: spans of the sign-in belong to the trace of the page", () => {
    const names = new Set(otlp.spans().flatMap((span) => (span.traceId === traceId ? [span.name] : [])));
    return names.has("segno.http.startEmailSignIn") && names.has("segno.http.verifyEmailCode");
  });
  await check("OTLP: the log record segno.login.success belongs to it as well", () =>
    otlp.logs().some((record) => record.eventName === "segno.login.success" && record.traceId === traceId),
  );
  await check("Prometheus: scrapes the application with its token, and has counted one sign-in", async () => {
    return (await value(platform, 'up{job="segno"}')) === 1 && (await value(platform, signIns)) === 1;
  });

  await nats.kill();
  webhooks.isAway = true;
  await check("NATS killed, webhook answers 503: Bob signs in as if nothing were", () =>
    signIn(platform, "bob@example.com"),
  );
  await check("  and the log record arrives meanwhile: each receiver keeps a place of its own", () => {
    return otlp.logs().filter((record) => record.eventName === "segno.login.success").length === 2;
  });
  await check(
    "Prometheus: events wait for somebody",
    async () => ((await value(platform, "max(segno_outbox_waiting)")) ?? 0) > 0,
  );
  await nats.restart();
  webhooks.isAway = false;
  await check("both are back: both sign-ins are in the stream, each once", async () => {
    const ids = (await published("login.success")).map((message) => message.id);
    return ids.length === 2 && new Set(ids).size === 2;
  });
  await check("  and with the webhook's receiver, the same ids", async () => {
    const ids = (await published("login.success")).map((message) => message.id);
    return ids.every((each) => webhooks.received.get(each) === signInType) && webhooks.refused === 0;
  });
  await check("Prometheus: two sign-ins, and nothing waits any more", async () => {
    return (await value(platform, signIns)) === 2 && (await value(platform, "max(segno_outbox_waiting)")) === 0;
  });
  return holds;
}

/** The event's type as CloudEvents has it. */
const signInType = "dev.segno.login.success.v1";
const signIns = 'sum(segno_sign_ins_total{outcome="success"})';

/** What a browser does. */
async function signIn({ appUrl, codeFor }: Platform, email: string, traceId = randomBytes(16).toString("hex")) {
  const cookies = new Map<string, string>();
  const call = async (path: string, body?: object) => {
    const response = await fetch(`${appUrl}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        origin: appUrl,
        cookie: [...cookies].map(([name, text]) => `${name}=${text}`).join("; "),
        traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    const text = await response.text();
    return { status: response.status, json: text.startsWith("{") ? (JSON.parse(text) as { attemptId?: string }) : {} };
  };
  const { json } = await call("/api/auth/v1/email/start", { email });
  await call("/api/auth/v1/email/verify", { attemptId: json.attemptId, code: await codeFor(email) });
  return (await call("/orders")).status === 200;
}

/** @returns undefined while there is no such series */
async function value({ prometheusUrl }: Platform, query: string): Promise<number | undefined> {
  const response = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await response.json()) as { data?: { result: readonly { value: readonly [number, string] }[] } };
  const found = data?.result[0]?.value[1];
  return found === undefined ? undefined : Number(found);
}

async function within(ms: number, isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  const endsAt = performance.now() + ms;
  for (;;) {
    if (await isTrue()) return true;
    if (performance.now() > endsAt) return false;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
