// An application with the engine inside, in a process of its own: argv holds its database and the API's name. It tells its
// port, then signs in whom it is asked to.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createTestSegno, createVirtualClock } from "@segno/testing";
import { toExpress } from "../../src/index.js";

const [database = "", audience = ""] = process.argv.slice(2);
const server = createServer();
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
const test = await createTestSegno({
  baseUrl: origin,
  database,
  tokens: { audiences: [origin, audience] },
  // what is measured here is time as it passes
  clock: { ...createVirtualClock(), nowMs: () => Date.now() },
});
const mounted = toExpress(test.segno);
server.on("request", (req, res) => mounted(req, res, () => res.writeHead(404).end()));

process.on("message", async ({ email }: { readonly email: string }) => {
  const { browser } = await test.signInAs(email);
  const { body } = await browser.call<{ accessToken: string }>("/v1/session/token", { audience });
  process.send?.({ cookie: browser.cookies.header(new URL(origin)), accessToken: body.accessToken });
});
process.send?.({ origin });
