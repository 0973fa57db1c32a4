import fc from "fast-check";
import { expect, it } from "vitest";
import { openDataKey } from "./data-key.js";

const key = openDataKey("k1", Buffer.alloc(32, 7));
const other = openDataKey("k2", Buffer.alloc(32, 8));
const fields = { clientIp: "198.51.100.77", userAgent: "Firefox", email: "ada@example.com" };

it("opens what it sealed, for the event it was sealed for, with the same key, unchanged", () => {
  const { sealed, keyId } = key.seal("event-1", fields);
  expect(keyId).toBe("k1");
  expect(key.open("event-1", sealed)).toEqual(fields);
  expect(key.open("event-2", sealed)).toBeUndefined();
  expect(other.open("event-1", sealed)).toBeUndefined();
  expect(sealed).not.toBe(key.seal("event-2", fields).sealed);
  const body = Buffer.from(sealed, "base64url");
  for (let at = 0; at < body.length; at += 1) {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(key.open("event-1", changed.toString("base64url"))).toBeUndefined();
  }
});

it("makes the same of an event each time, so that a leaf is one leaf", () => {
  expect(key.seal("event-1", fields)).toEqual(openDataKey("k1", Buffer.alloc(32, 7)).seal("event-1", fields));
});

it("tells equal values of one subject apart from others, and nothing to who lacks the key", () => {
  const one = key.seal("event-1", fields).commitments;
  const two = key.seal("event-2", { clientIp: fields.clientIp, userAgent: "Chrome" }).commitments;
  expect(one["clientIp"]).toBe(two["clientIp"]);
  expect(one["userAgent"]).not.toBe(two["userAgent"]);
  expect(one["clientIp"]).toBe(key.commit("clientIp", fields.clientIp));
  expect(one["clientIp"]).not.toBe(key.commit("email", fields.clientIp));
  expect(one["clientIp"]).not.toBe(other.commit("clientIp", fields.clientIp));
});

it("opens no junk, and never throws", () => {
  fc.assert(fc.property(fc.string(), (text) => key.open("event-1", text) === undefined));
});
