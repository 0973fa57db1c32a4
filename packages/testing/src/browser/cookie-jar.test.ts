import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../virtual-clock.js";
import { createCookieJar } from "./cookie-jar.js";

const page = new URL("https://app.example.com/account");
const jar = (clock = createVirtualClock()) => createCookieJar(() => clock.nowMs());

describe("a cookie jar", () => {
  it("sends back what was set, and forgets what was deleted", () => {
    const cookies = jar();
    cookies.store(page, ["__Host-segno.sid=abc; Path=/; Secure; HttpOnly; SameSite=Lax", "theme=dark"]);
    expect(cookies.header(page)).toBe("__Host-segno.sid=abc; theme=dark");
    cookies.store(page, ["theme=; Max-Age=0"]);
    expect(cookies.names()).toEqual(["__Host-segno.sid"]);
  });

  it("drops cookies by the given clock", () => {
    const clock = createVirtualClock();
    const cookies = jar(clock);
    cookies.store(page, ["a=1; Max-Age=60", `b=2; Expires=${new Date(clock.nowMs() + 60_000).toUTCString()}`]);
    clock.advance({ seconds: 59 });
    expect(cookies.header(page)).toBe("a=1; b=2");
    clock.advance({ seconds: 1 });
    expect(cookies.header(page)).toBeUndefined();
  });

  it.each([
    ["without Secure", "__Host-a=1; Path=/"],
    ["with a Domain", "__Host-a=1; Path=/; Secure; Domain=app.example.com"],
    ["below a path", "__Host-a=1; Path=/api; Secure"],
    ["a __Secure- one without Secure", "__Secure-a=1; Path=/"],
    ["of a foreign domain", "a=1; Domain=evil.example"],
    ["without a name", "=1"],
  ])("refuses a prefixed or foreign cookie %s", (_why, line) => {
    const cookies = jar();
    cookies.store(page, [line]);
    expect(cookies.names()).toEqual([]);
  });

  it("keeps Secure cookies away from plain http", () => {
    const cookies = jar();
    cookies.store(page, ["a=1; Secure"]);
    expect(cookies.header(new URL("http://app.example.com/"))).toBeUndefined();
    expect(cookies.header(new URL("http://localhost:3000/"))).toBe("a=1");
  });

  it("matches paths by whole segments", () => {
    const cookies = jar();
    cookies.store(page, ["a=1; Path=/api"]);
    expect(cookies.header(new URL("https://app.example.com/api/x"))).toBe("a=1");
    expect(cookies.header(new URL("https://app.example.com/apix"))).toBeUndefined();
  });
});
