import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { verifyWebhook } from "@segno/server/events";

export interface WebhookReceiver {
  readonly url: string;
  /** Ids in the order in which they came, those that came again as well. */
  readonly arrivals: string[];
  /** How many requests came while it was down. */
  readonly broken: () => number;
  /** Requests whose signature did not hold. */
  readonly forged: () => number;
  /** Breaks every connection. */
  setDown(isDown: boolean): void;
  /** Refuses the next event for good. @returns the id of the one it was, once there was one */
  refuseNext(): () => string | undefined;
  stop(): Promise<void>;
}

export async function startWebhookReceiver(secret: string, nowMs: () => number): Promise<WebhookReceiver> {
  const arrivals: string[] = [];
  const state = { isDown: false, isRefusing: false, forged: 0, broken: 0 };
  let refused: string | undefined;
  const server = createServer((req, res) => {
    if (state.isDown) {
      state.broken += 1;
      return void req.socket.destroy();
    }
    let body = "";
    req.setEncoding("utf8");
    req.on("data", (chunk: string) => (body += chunk));
    req.on("end", () => {
      try {
        const { id } = verifyWebhook({ body, headers: req.headers, secrets: [secret], nowMs: nowMs() });
        if (!state.isRefusing) arrivals.push(id);
        else refused = id;
        res.writeHead(state.isRefusing ? 410 : 204).end();
        state.isRefusing = false;
      } catch {
        state.forged += 1;
        res.writeHead(401).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/hook`,
    arrivals,
    broken: () => state.broken,
    forged: () => state.forged,
    setDown(isDown) {
      state.isDown = isDown;
      if (isDown) server.closeAllConnections();
    },
    refuseNext() {
      state.isRefusing = true;
      return () => refused;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
