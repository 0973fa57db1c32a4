import { connect } from "node:net";

/** What a load run sends. */
export interface Load {
  readonly port: number;
  readonly requests: number;
  /** Keep-alive connections, one request in flight on each. */
  readonly lanes: number;
  /** The bytes of the next request of a lane. */
  next(lane: number, index: number): string;
  /** Sees every answer, and throws when one is wrong. */
  check(status: number, body: string, lane: number): void;
}

/**
 * A lean loopback client: it costs far less than the servers it measures (autocannon spends more CPU on a request
 * than bare Express). Reads `Content-Length` and chunked bodies, and checks every answer.
 * @returns seconds
 */
export async function sendLoad(load: Load): Promise<number> {
  let sent = 0;
  let isRunning = true;
  // never asleep: a server would pay for waking us with each answer, and the more the slower it is
  const stayAwake = () => {
    if (isRunning) setImmediate(stayAwake);
  };
  stayAwake();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: load.lanes }, (_, lane) =>
      runLane(load, lane, () => (sent < load.requests ? sent++ : undefined)),
    ),
  );
  isRunning = false;
  return (performance.now() - started) / 1000;
}

function runLane(load: Load, lane: number, take: () => number | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: load.port, host: "127.0.0.1", noDelay: true });
    let pending = "";
    const finish = (error?: Error) => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const sendNext = () => {
      const index = take();
      if (index === undefined) finish();
      else socket.write(load.next(lane, index), "latin1");
    };
    socket.on("connect", sendNext);
    socket.on("error", finish);
    socket.on("end", () => finish(new Error("bench: the server closed the connection")));
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      pending += chunk;
      const response = parseResponse(pending);
      if (response === undefined) return;
      pending = "";
      try {
        load.check(response.status, response.body, lane);
      } catch (error) {
        return finish(error as Error);
      }
      sendNext();
    });
  });
}

/** The response when it is complete. */
function parseResponse(text: string): { status: number; body: string } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const head = text.slice(0, headEnd + 2);
  const rest = text.slice(headEnd + 4);
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
  if (length !== undefined) return rest.length >= Number(length) ? { status, body: rest } : undefined;
  if (!/\r\ntransfer-encoding: chunked\r\n/i.test(head)) return { status, body: "" };
  return rest.endsWith("0\r\n\r\n") ? { status, body: joinChunks(rest) } : undefined;
}

function joinChunks(text: string): string {
  let body = "";
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!(size > 0)) return body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

/** A request as bytes on the wire. */
export function httpRequest(input: {
  readonly method?: string;
  readonly path: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}): string {
  const lines = [`${input.method ?? "GET"} ${input.path} HTTP/1.1`, `Host: ${input.host ?? "localhost"}`];
  for (const [name, value] of Object.entries(input.headers ?? {})) lines.push(`${name}: ${value}`);
  if (input.body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(input.body)}`);
  return `${lines.join("\r\n")}\r\n\r\n${input.body ?? ""}`;
}
