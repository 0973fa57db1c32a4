// A running engine for the doctor to ask, behind a front that may spoil what passes through it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createSegno, type Segno, silentLogger } from "@segno/server";

export interface Front {
  /** Changes the answer on its way out. */
  readonly answer?: (headers: Headers) => void;
  /** Changes the request on its way in. */
  readonly request?: (headers: Headers) => void;
  /** Answers instead of the engine. */
  readonly instead?: (path: string) => Response | undefined | Promise<Response | undefined>;
}

export interface LiveEngine {
  readonly url: string;
  readonly segno: Segno;
  /** What passes through from now on. */
  front: Front;
  readonly close: () => Promise<void>;
}

/** The engine's own base URL is the address it is served at, unless another is given. */
export async function serveEngine(file: string, baseUrl?: string): Promise<LiveEngine> {
  const server = createServer();
  const url = await listen(server);
  const segno = createSegno({
    baseUrl: baseUrl ?? url,
    secret: "1:first-secret-0123456789-abcdefghijklmnop",
    database: file,
    production: false,
    clientIp: { source: "socket" },
    logger: silentLogger,
  });
  await segno.ready();
  const live: LiveEngine = {
    url,
    segno,
    front: {},
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await segno.close();
    },
  };
  server.on("request", async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const path = incoming.url ?? "/";
    const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    live.front.request?.(headers);
    const { method = "GET" } = incoming;
    const body = method === "GET" ? null : Buffer.concat(chunks);
    const request = new Request(new URL(path, segno.origin), { method, headers, body });
    const answer = (await live.front.instead?.(path)) ?? (await segno.handler(request, { remoteAddress: "127.0.0.1" }));
    const out = new Headers(answer.headers);
    live.front.answer?.(out);
    const cookies = out.getSetCookie();
    out.delete("set-cookie");
    outgoing.writeHead(answer.status, {
      ...Object.fromEntries(out),
      ...(cookies.length > 0 ? { "set-cookie": cookies } : {}),
    });
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  });
  return live;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}
