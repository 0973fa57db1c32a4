import { createTestSegno, type TestSegno } from "@segno/testing";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noNginx, startNginx } from "../test/nginx.js";
import { serve } from "../test/serve.js";
import { getAuth, requireAuth, segnoMiddleware, toExpress } from "./index.js";

const isRequired = process.env.SEGNO_REQUIRE_PEERS === "1";

/** A person behind the shared cache. */
interface Person {
  readonly email: string;
  readonly userId: string;
  cookie: string;
}

describe.runIf(noNginx === undefined || isRequired)("behind a shared cache that keeps all it may", () => {
  let test: TestSegno;
  let cached: Awaited<ReturnType<typeof startNginx>>;
  beforeAll(async () => {
    test = await createTestSegno();
    const app = express();
    app.get("/plain", (_req, res) => void res.send("the same for all"));
    app.use("/api/auth", toExpress(test.segno));
    app.use("/.well-known", toExpress(test.segno));
    app.use(segnoMiddleware(test.segno));
    const who = (req: express.Request) => {
      const auth = getAuth(req);
      return auth.status === "authenticated" ? auth.subject : auth.status;
    };
    app.get("/required", requireAuth(), (req, res) => void res.send(who(req)));
    app.get("/optional", (req, res) => void res.send(who(req)));
    cached = await startNginx((await serve(app)).origin);
  });
  afterAll(async () => {
    await cached.stop();
    await test.close();
  });

  const get = async (path: string, person?: Person) => {
    const headers = person === undefined ? {} : { cookie: person.cookie };
    const response = await fetch(cached.origin + path, { headers, redirect: "manual" });
    return { response, text: await response.text(), cache: response.headers.get("x-cache") };
  };
  const post = (path: string, body: object, cookie = "") =>
    fetch(`${cached.origin}/api/auth${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: test.origin, cookie },
      body: JSON.stringify(body),
    });
  const cookieOf = (response: Response) =>
    response.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");

  /** Both people's requests of one kind, side by side: what one gets is never what the other got. */
  async function signIn(emails: readonly string[]): Promise<readonly Person[]> {
    const started = await Promise.all(emails.map((email) => post("/v1/email/start", { email })));
    const people: Person[] = [];
    const handed = new Set(started.map(cookieOf));
    expect(handed.size).toBe(emails.length);
    for (const [index, email] of emails.entries()) {
      const answer = started[index];
      if (answer === undefined) throw new Error("no answer");
      const { attemptId } = await answer.json();
      const code = await test.mail.nextCode(email);
      const done = await post("/v1/email/verify", { attemptId, code }, cookieOf(answer));
      expect([done.status, done.headers.get("x-cache")]).toEqual([200, "MISS"]);
      const { user } = await done.json();
      expect(user.email).toBe(email);
      people.push({ email, userId: user.id, cookie: `${cookieOf(answer)}; ${cookieOf(done)}` });
      expect(handed.has(cookieOf(done))).toBe(false);
      handed.add(cookieOf(done));
    }
    return people;
  }

  it("T-043: nobody gets what was made for another, neither body nor cookie", async () => {
    // the cache does keep what may be kept
    expect([(await get("/plain")).cache, (await get("/plain")).cache]).toEqual(["MISS", "HIT"]);
    const keys = [await get("/.well-known/jwks.json"), await get("/.well-known/jwks.json")];
    expect(keys.map(({ cache }) => cache)).toEqual(["MISS", "HIT"]);
    expect(keys.every(({ response }) => response.headers.getSetCookie().length === 0)).toBe(true);

    const people = await signIn(["ada@example.com", "bob@example.com"]);
    const { paths }: { paths: Record<string, Record<string, unknown>> } = JSON.parse(
      (await get("/api/auth/openapi.json")).text,
    );
    const shared = /openapi|well-known|health/;
    const own = Object.keys(paths).filter((path) => "get" in (paths[path] ?? {}) && !shared.test(path));
    expect(own.length).toBeGreaterThan(4);
    const pages = ["/required", "/optional", "/api/auth/v1/nothing", ...own.map((path) => `/api/auth${path}`)];
    const cookies = new Map<string, string>();
    for (const page of pages) {
      for (const round of [1, 2, 3]) {
        for (const person of [...people, undefined]) {
          const { response, text, cache } = await get(page, person);
          const at = `${page} ${round} ${person?.email ?? "anonymous"}`;
          expect(cache, at).not.toBe("HIT");
          for (const other of people.filter((one) => one !== person)) {
            expect(text, at).not.toContain(other.email);
            expect(text, at).not.toContain(other.userId);
          }
          for (const cookie of response.headers.getSetCookie()) {
            const value = cookie.split(";")[0] ?? "";
            if (value.endsWith("=")) continue;
            expect(cookies.get(value) ?? at, at).toBe(at);
            cookies.set(value, at);
          }
        }
      }
    }
    for (const person of people) expect((await get("/required", person)).text).toBe(person.userId);
    expect((await get("/required")).response.status).toBe(401);
    expect((await get("/optional")).text).toBe("anonymous");
  });
});

if (noNginx !== undefined && !isRequired) it.skip(`T-043: ${noNginx}`, () => {});
