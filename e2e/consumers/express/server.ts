// An API that only checks access tokens: express, the adapter and core, nothing of the engine.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getAuth, requireAccessToken } from "@segno/express";
import express from "express";

const app = express();
app.get(
  "/orders",
  requireAccessToken({ issuer: "http://localhost:9", audience: "orders", scope: "orders:read" }),
  (req, res) => {
    res.json({ for: getAuth(req).status });
  },
);

const server = createServer(app).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const { port } = server.address() as AddressInfo;
const anonymous = await fetch(`http://127.0.0.1:${port}/orders`);
assert.equal(anonymous.status, 401);
assert.match(anonymous.headers.get("www-authenticate") ?? "", /^Bearer/);
assert.match(anonymous.headers.get("content-type") ?? "", /application\/problem\+json/);
const forged = await fetch(`http://127.0.0.1:${port}/orders`, { headers: { authorization: "Bearer a.b.c" } });
assert.equal(forged.status, 401);
server.close();
console.log("refuses nobody's and forged tokens");
