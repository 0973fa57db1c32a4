import { connect, createServer, type Server, type Socket } from "node:net";

/** What happens to connections through the proxy. */
export type NetworkFault =
  /** Everything passes. */
  | { readonly kind: "none" }
  /** Each piece is held back that long, on its way there and on its way back, milliseconds. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Nothing passes and nothing ends, as behind a broken switch. What was sent meanwhile arrives once it is healed. */
  | { readonly kind: "blackhole" }
  /** Connections break at once, as when the server's process is gone. */
  | { readonly kind: "down" }
  /** What is sent arrives, and instead of the answer the connection breaks. */
  | { readonly kind: "lost_replies" };

/** A TCP proxy that a test breaks and heals. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** From now on, for new connections and those that are open. */
  set(fault: NetworkFault): void;
  /** The same as `set({ kind: "none" })`. */
  heal(): void;
  /** How many connections are open. */
  readonly connections: number;
  /** Breaks every connection and stops listening. */
  close(): Promise<void>;
}

/**
 * Stands between a client and a server on this machine (a database, Redis, a vault, an API) and misbehaves on demand.
 * @param target where the server listens
 * @throws an error of `node:net` when no port is free
 * @example
 * ```ts
 * import { createFaultProxy } from "@segno/testing";
 * const proxy = await createFaultProxy({ host: "127.0.0.1", port: 5432 });
 * proxy.set({ kind: "slow", delayMs: 500 });
 * proxy.heal();
 * await proxy.close();
 * ```
 */
export async function createFaultProxy(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let fault: NetworkFault = { kind: "none" };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (fault.kind === "down") return void client.resetAndDestroy();
    const pair = new Pair(client, connect({ ...target, allowHalfOpen: true }), () => fault);
    pairs.add(pair);
    pair.onEnd = () => pairs.delete(pair);
  });
  const port = await listen(server);
  const set = (next: NetworkFault) => {
    fault = next;
    for (const pair of pairs) pair.faultChanged();
  };
  return {
    host: "127.0.0.1",
    port,
    set,
    heal: () => set({ kind: "none" }),
    get connections() {
      return pairs.size;
    },
    close: () =>
      new Promise((resolve) => {
        for (const pair of pairs) pair.cut();
        server.close(() => resolve());
      }),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

/** The two halves of one connection. */
class Pair {
  onEnd: () => void = () => {};
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #fault: () => NetworkFault;

  constructor(client: Socket, server: Socket, fault: () => NetworkFault) {
    this.#client = client;
    this.#server = server;
    this.#fault = fault;
    this.#carry(client, server, false);
    this.#carry(server, client, true);
    this.faultChanged();
  }

  faultChanged(): void {
    const { kind } = this.#fault();
    if (kind === "down") return this.cut();
    for (const socket of [this.#client, this.#server]) {
      if (kind === "blackhole") socket.pause();
      else socket.resume();
    }
  }

  cut(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
    this.onEnd();
  }

  #carry(from: Socket, to: Socket, isReply: boolean): void {
    const held: (() => void)[] = [];
    /** In order, also when the fault changes meanwhile: a piece waits for those before it. */
    const pass = (work: () => void) => {
      const fault = this.#fault();
      if (fault.kind !== "slow" && held.length === 0) return work();
      held.push(work);
      setTimeout(() => held.shift()?.(), fault.kind === "slow" ? fault.delayMs : slowestMs);
      if (fault.kind === "slow") slowestMs = Math.max(slowestMs, fault.delayMs);
    };
    let slowestMs = 0;
    from.on("data", (piece) => {
      if (isReply && this.#fault().kind === "lost_replies") return this.cut();
      pass(() => to.writable && to.write(piece));
    });
    from.on("end", () => pass(() => to.end()));
    from.on("error", () => this.cut());
    from.on("close", () => this.onEnd());
    from.setNoDelay(true);
  }
}
