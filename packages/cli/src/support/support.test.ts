import { createSegno, silentLogger } from "@segno/server";
import { createSegnoClient } from "@segno/client";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliDatabase, cliDatabases } from "../../test/databases.js";
import { makeFolder, runCli } from "../../test/run-cli.js";

const secret = "1:first-secret-0123456789-abcdefghijklmnop";
const folder = makeFolder({});
afterAll(folder.remove);

for (const kind of cliDatabases) {
  describe.skipIf(kind.skipped !== undefined)(`segno support on ${kind.name}`, () => {
    let database: CliDatabase;
    beforeEach(async () => {
      database = await kind.create();
    });
    afterEach(() => database.drop());
    const support = (...args: readonly string[]) =>
      runCli(["support", ...args], {
        cwd: folder.path,
        env: { SEGNO_DATABASE_URL: database.url, SEGNO_SECRET: secret, NODE_ENV: "development" },
      });

    it("R050: the code on the page finds the request and the steps of its sign-in", async () => {
      const segno = createSegno({ database: database.url, secret, production: false, logger: silentLogger });
      let reaches = true;
      let answers = true;
      const client = createSegnoClient({
        baseUrl: segno.origin,
        mode: "token",
        delay: async () => {},
        fetch: async (input, init) => {
          if (!reaches) throw new TypeError("offline");
          const headers = { ...(init?.headers as Record<string, string>), origin: segno.origin };
          const answer = await segno.handler(new Request(input as string, { ...init, headers, redirect: "manual" }));
          if (!answers) throw new TypeError("the connection broke");
          return answer;
        },
      });
      const { data } = await client.email.start({ email: "ada@example.com" });
      const attempt = { attemptId: data?.attemptId ?? "", code: "000000" };
      const refused = await client.email.verify(attempt);
      answers = false;
      const broken = await client.email.verify({ ...attempt, code: "111111" });
      reaches = false;
      const offline = await client.email.verify(attempt);
      await segno.close();

      expect(refused.error?.supportCode).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
      const found = await support(refused.error?.supportCode ?? "", "--json");
      expect(found.code).toBe(0);
      const { requests } = found.json() as unknown as {
        requests: { requestId: string; traceId: string; events: { type: string; requestId: string }[] }[];
      };
      expect(requests).toHaveLength(1);
      expect(requests[0]?.requestId).toBe(refused.error?.requestId);
      expect(requests[0]?.events.map(({ type }) => type)).toEqual(
        expect.arrayContaining(["email.challenge_sent", "login.failure"]),
      );
      const typed = (refused.error?.supportCode ?? "").replace("-", " ").toLowerCase();
      const text = await support(typed);
      expect(text.stdout).toContain(`request ${refused.error?.requestId}`);
      expect(text.stdout).toMatch(/> \S+ {2}login.failure +failure {2}wrong_code/);
      for (const line of text.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
      expect(text.stdout + found.stdout).not.toContain("ada@example.com");

      expect(broken.error?.code).toBe("network");
      const arrived = await support(broken.error?.supportCode ?? "");
      expect(arrived.stdout).toContain("login.failure");

      expect(offline.error?.supportCode).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
      await support("0000-0000").then(({ code, stdout }) => {
        expect(code).toBe(1);
        expect(stdout).toContain("search traces for segno.support.code");
      });
      expect((await support("hello")).stderr).toContain("is no support code");
    });
  });
}
