import { expect, it } from "vitest";
import { createRedactor } from "./redact.js";

it.each([
  [{ SEGNO_SECRET: "2:new-secret-of-some-length,1:old-secret-of-some-length" }, "it was old-secret-of-some-length!"],
  [{ SEGNO_DATABASE_URL: "postgres://app:hunter2secret@db/app" }, "login with hunter2secret failed"],
  [{ DATABASE: "postgres://app:p%40ssw0rd@db/app" }, "login with p@ssw0rd failed"],
  [{ SEGNO_INTROSPECTION_CLIENTS: "api:0123456789abcdef" }, "client 0123456789abcdef"],
  [{ VAULT_TOKEN: "hvs.CAESIJ" }, "token hvs.CAESIJ is over"],
  [{}, "cannot reach postgres://app:hunter2@db/app"],
])("takes secrets of the environment out of what is written: %j", (environment, text) => {
  const clean = createRedactor(environment)(text);
  expect(clean).toContain("***");
  expect(clean).not.toMatch(/old-secret|hunter2|ssw0rd|0123456789abcdef|CAESIJ/);
});

it("leaves other text alone", () => {
  const redact = createRedactor({ SEGNO_SECRET: "1:new-secret-of-some-length", SHORT_TOKEN: "a", HOME: "/root" });
  expect(redact("segno keys status in /root: http://localhost:3000/a, a@b.c")).toBe(
    "segno keys status in /root: http://localhost:3000/a, a@b.c",
  );
});
