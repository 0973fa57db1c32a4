// A real server with a certificate of a test's own authority, that can be away, hang, lie and talk too much.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createAuthority, noOpenssl } from "../../express/test/certificates.js";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A status, or whatever a receiver does with the answer itself. */
export type ReceiverAnswer = number | ((response: ServerResponse, request: ReceivedRequest) => void);

export interface HttpsReceiver {
  /** `https://localhost:PORT` */
  readonly url: string;
  readonly port: number;
  readonly ca: string;
  readonly requests: ReceivedRequest[];
  /** How many connections were made. */
  readonly connections: () => number;
  /** Decides on each request. Default: 204 to all. */
  answerWith(answer: (request: ReceivedRequest) => ReceiverAnswer): void;
  readonly leave: () => Promise<void>;
  readonly hang: () => Promise<void>;
  readonly comeBack: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export const noReceiver: string | undefined = noOpenssl;

/** @param names what its certificate is for. Default: localhost and 127.0.0.1 */
export async function startHttpsReceiver(
  names: readonly string[] = ["DNS:localhost", "IP:127.0.0.1"],
): Promise<HttpsReceiver> {
  const authority = createAuthority();
  const { cert, key } = authority.issue("receiver", "/CN=receiver", names);
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Duplex>();
  let decide: (request: ReceivedRequest) => ReceiverAnswer = () => 204;
  let isHanging = false;
  let connections = 0;
  let server: Server | undefined;

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of incoming.setEncoding("utf8")) body += String(chunk);
    if (isHanging) return;
    const { method = "", url = "", headers } = incoming;
    const request = { method, path: url, headers, body };
    const answer = decide(request);
    if (typeof answer === "number" && answer < 300) requests.push(request);
    if (typeof answer === "number") response.writeHead(answer).end();
    else answer(response, request);
  };
  const listen = async (port: number): Promise<number> => {
    const opened = createServer({ cert, key }, (incoming, response) => {
      handle(incoming, response).catch(() => response.destroy());
    });
    server = opened;
    opened.on("connection", (socket) => {
      connections += 1;
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      opened.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return (opened.address() as AddressInfo).port;
  };
  const leave = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    if (closing !== undefined) await new Promise((resolve) => closing.close(resolve));
  };
  const port = await listen(0);
  return {
    url: `https://localhost:${port}`,
    port,
    ca: authority.ca,
    requests,
    connections: () => connections,
    answerWith: (answer) => {
      decide = answer;
    },
    leave,
    hang: async () => {
      isHanging = true;
    },
    async comeBack() {
      isHanging = false;
      for (const socket of sockets) socket.destroy();
      if (server === undefined) await listen(port);
    },
    async stop() {
      await leave();
      authority.remove();
    },
  };
}
