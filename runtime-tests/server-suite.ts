// What the server must do on every runtime with node:sqlite: sign in by a mailed code, then refresh.
import type * as Server from "@segno/server";
import { type Case, check, equal } from "./harness.ts";

export interface ServerLibrary {
  readonly server: typeof Server;
  /** A path for the database file. */
  readonly database: string;
}

const origin = "http://localhost:3000";

export const serverCases: readonly Case<ServerLibrary>[] = [
  {
    name: "server: signs in by a mailed code and refreshes, the old refresh token giving the same successor",
    async run({ server, database }) {
      const mails: string[] = [];
      const segno = server.createSegno({
        baseUrl: origin,
        database,
        secret: "1:an-example-secret-of-more-than-32-characters",
        email: { send: async ({ text }) => void mails.push(text) },
        logger: server.silentLogger,
      });
      const post = (path: string, type: string, body: string, cookie = "") =>
        segno.handler(
          new Request(origin + path, { method: "POST", headers: { "content-type": type, origin, cookie }, body }),
          { remoteAddress: "127.0.0.1" },
        );
      try {
        const started = await post(
          "/api/auth/v1/email/start",
          "application/json",
          JSON.stringify({ email: "ada@example.com" }),
        );
        equal(started.status, 202);
        const { attemptId, codeLength } = (await started.json()) as { attemptId: string; codeLength: number };
        const cookie = started.headers
          .getSetCookie()
          .map((line) => line.split(";")[0])
          .join("; ");
        for (let tries = 0; mails.length === 0 && tries < 400; tries += 1)
          await new Promise((resolve) => setTimeout(resolve, 5));
        const code = codeIn(mails[0] ?? "", codeLength);
        const verified = await post(
          "/api/auth/v1/email/verify",
          "application/json",
          JSON.stringify({ attemptId, code, mode: "token" }),
          cookie,
        );
        equal(verified.status, 200);
        const { tokens } = (await verified.json()) as { tokens: { refreshToken: string } };
        const first = await refresh(tokens.refreshToken);
        const again = await refresh(tokens.refreshToken);
        check(first.refresh_token !== tokens.refreshToken, "a new refresh token");
        equal(again.refresh_token, first.refresh_token);
      } finally {
        await segno.close();
      }

      async function refresh(token: string): Promise<{ refresh_token: string }> {
        const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: token, client_id: "segno" });
        const answer = await post("/api/auth/oauth2/token", "application/x-www-form-urlencoded", body.toString());
        equal(answer.status, 200);
        return (await answer.json()) as { refresh_token: string };
      }
    },
  },
];

/** The code in a mail may be grouped by a blank or a dash. */
function codeIn(text: string, length: number): string {
  const groups = text.match(/\b[A-Z0-9]{3,8}(?:[ -][A-Z0-9]{3,5})?\b/g) ?? [];
  const code = groups
    .map((group) => group.replace(/[ -]/g, ""))
    .find((group) => group.length === length && /\d/.test(group));
  check(code !== undefined, "a code in the mail");
  return code ?? "";
}
