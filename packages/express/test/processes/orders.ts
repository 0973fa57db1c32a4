// An API in a process of its own that checks tokens offline: of the issuer it knows its name, from argv, and no secret.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { requireAccessToken } from "../../src/index.js";

const [issuer = "", audience = ""] = process.argv.slice(2);
const guard = requireAccessToken({ issuer, audience });
const server = createServer((req, res) => {
  guard(req, res, (error?: unknown) => res.writeHead(error === undefined ? 200 : 500).end());
});
server.listen(0, "127.0.0.1", () => {
  process.send?.({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
