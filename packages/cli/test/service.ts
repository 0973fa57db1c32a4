// The service a runbook is about: an engine behind a port, with time that can be skipped and a switch to start it anew.
// POST /__test/skip?seconds=60 stands for waiting, POST /__test/restart with the new SEGNO_SECRET for a roll-out.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "@segno/core";
import { type Segno, type SegnoOptions, createSegno, silentLogger } from "@segno/server";
import { createMailCapture } from "@segno/testing";

export interface Service {
  readonly url: string;
  /** Signs in by mail. @returns the session's cookie */
  signIn(email: string): Promise<string>;
  /** Asks for an access token of a session. */
  token(cookie: string): Promise<Response>;
  /** Lets that much time pass in the service. */
  skip(seconds: number): void;
  readonly close: () => Promise<void>;
}

export async function startService(
  secret: string,
  options: Pick<SegnoOptions, "audit" | "database" | "events" | "keys">,
): Promise<Service> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const mail = createMailCapture();
  let skippedMs = 0;
  let current = "";
  const start = (value: string): Segno => {
    current = value;
    const clock = { nowMs: () => systemClock.nowMs() + skippedMs };
    const settings = { baseUrl: url, production: false, clientIp: { source: "socket" }, logger: silentLogger } as const;
    return createSegno({ ...settings, ...options, secret: value, email: mail, clock });
  };
  let segno = start(secret);
  await segno.ready();

  const control = async (path: URL, body: string): Promise<Response | undefined> => {
    if (path.pathname === "/__test/skip") {
      skippedMs += Number(path.searchParams.get("seconds")) * 1000;
      // the work of every minute runs by the machine's time: a request that finds it overdue begins it
      await segno.handler(new Request(`${url}/.well-known/jwks.json`));
      await new Promise((resolve) => setTimeout(resolve, 200));
    } else if (path.pathname === "/__test/restart") {
      await segno.close();
      segno = start(body === "" ? current : body);
    } else return undefined;
    return new Response(null, { status: 204 });
  };
  server.on("request", async (incoming, outgoing) => {
    const body = await read(incoming);
    const path = new URL(incoming.url ?? "/", url);
    const { method = "GET" } = incoming;
    const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const init = { method, headers, body: method === "GET" ? null : body };
    const answer =
      (await control(path, body)) ?? (await segno.handler(new Request(path, init), { remoteAddress: "127.0.0.1" }));
    outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  });

  const post = (path: string, body: object, cookie = "") =>
    segno.handler(
      new Request(`${url}/api/auth/v1${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: url, cookie },
        body: JSON.stringify(body),
      }),
      { remoteAddress: "127.0.0.1" },
    );
  return {
    url,
    async signIn(email) {
      const started = await post("/email/start", { email });
      const { attemptId } = (await started.json()) as { readonly attemptId: string };
      const code = await mail.nextCode(email);
      return cookieOf(await post("/email/verify", { attemptId, code }, cookieOf(started)));
    },
    token: (cookie) => post("/session/token", {}, cookie),
    skip(seconds) {
      skippedMs += seconds * 1000;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await segno.close();
    },
  };
}

async function read(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function cookieOf(answer: Response): string {
  return answer.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
}
