import { Agent, request } from "node:http";

export interface Answer {
  /** 0 when there was none: refused, broken or too late. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly tookMs: number;
}

export interface Call {
  readonly port: number;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** After this long a request counts as one that hangs. Default 20 s. */
  readonly timeoutMs?: number;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
}

export function keepAlive(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 256 });
}

/** Sends one request. Never throws: a broken connection is an outcome like any other. */
export function send(call: Call): Promise<Answer> {
  const { port, method = "GET", path, headers = {}, body, timeoutMs = 20_000 } = call;
  const since = performance.now();
  return new Promise((resolve) => {
    const finish = (status: number, text: string, answered: Answer["headers"] = {}) =>
      resolve({ status, text, headers: answered, tookMs: performance.now() - since });
    const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
    const req = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { Host: "localhost:4000", ...length, ...headers },
        agent: call.agent ?? false,
        timeout: timeoutMs,
      },
      (res) => {
        let text = "";
        res.setEncoding("utf8");
        res.on("data", (chunk: string) => (text += chunk));
        res.on("end", () => finish(res.statusCode ?? 0, text, res.headers));
        res.on("error", () => finish(0, "broken"));
      },
    );
    req.on("timeout", () => req.destroy(new Error("timeout")));
    req.on("error", (error) => finish(0, error.message));
    req.end(body);
  });
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The value below which that share of the values lies; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
