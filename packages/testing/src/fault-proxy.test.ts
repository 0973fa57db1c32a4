import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFaultProxy, type FaultProxy } from "./fault-proxy.js";

let received: string[];
let server: Server;
let proxy: FaultProxy;
let clients: Socket[];
beforeEach(async () => {
  received = [];
  clients = [];
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (piece) => {
      received.push(String(piece));
      socket.write(`re:${piece}`);
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  proxy = await createFaultProxy({ host: "127.0.0.1", port });
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

function open(): Socket {
  const client = connect({ host: proxy.host, port: proxy.port });
  client.on("error", () => {});
  clients.push(client);
  return client;
}

/** The next answer, or what became of the connection. */
function ask(client: Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    client.once("data", (piece) => resolve(String(piece)));
    client.once("close", () => resolve("broken"));
    client.write(text);
  });
}
const silence = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve("silent"), ms));

it("passes everything while nothing is wrong", async () => {
  const client = open();
  expect(await ask(client, "a")).toBe("re:a");
  expect(await ask(client, "b")).toBe("re:b");
  expect(proxy.connections).toBe(1);
});

it("holds each piece back in both directions when slow", async () => {
  const client = open();
  await ask(client, "a");
  proxy.set({ kind: "slow", delayMs: 40 });
  const before = performance.now();
  expect(await ask(client, "b")).toBe("re:b");
  expect(performance.now() - before).toBeGreaterThan(78);
});

it("swallows nothing in a black hole: what was sent arrives once it is healed", async () => {
  const client = open();
  await ask(client, "a");
  proxy.set({ kind: "blackhole" });
  const answer = ask(client, "b");
  const late = ask(open(), "c");
  expect(await Promise.race([answer, late, silence(60)])).toBe("silent");
  expect(received).toEqual(["a"]);
  proxy.heal();
  expect([await answer, await late]).toEqual(["re:b", "re:c"]);
});

it("breaks connections while down, and takes new ones after", async () => {
  const client = open();
  await ask(client, "a");
  const broken = new Promise((resolve) => client.once("close", () => resolve("broken")));
  proxy.set({ kind: "down" });
  expect(await broken).toBe("broken");
  expect(await ask(open(), "b")).toBe("broken");
  proxy.heal();
  expect(await ask(open(), "c")).toBe("re:c");
  expect(received).toEqual(["a", "c"]);
});

it("delivers what is sent and loses the reply", async () => {
  const client = open();
  await ask(client, "a");
  proxy.set({ kind: "lost_replies" });
  expect(await ask(client, "b")).toBe("broken");
  expect(received).toEqual(["a", "b"]);
});
