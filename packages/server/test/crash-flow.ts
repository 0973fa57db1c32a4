// Signs up by passkey and by mail, signs in and refreshes, on a database file; kills itself at one statement boundary.
// Prints a line for every answer that reached the caller, then "done".
import { writeSync } from "node:fs";
import { createTestSegno } from "@segno/testing";
import type { KyselyPlugin } from "kysely";
import type { Db, Store } from "../src/engine.js";
import { sqlite } from "../src/storage/sqlite.js";

const [file = "", point = "0"] = process.argv.slice(2);
const dieAt = Number(point);
let boundary = 0;
let isArmed = false;

/** Every statement has a boundary before it and one after it: the last one of a transaction lies before its COMMIT. */
function passBoundary(): void {
  if (!isArmed) return;
  boundary += 1;
  if (boundary === dieAt) process.kill(process.pid, "SIGKILL");
}

const dying: KyselyPlugin = {
  transformQuery: ({ node }) => {
    passBoundary();
    return node;
  },
  transformResult: async ({ result }) => {
    passBoundary();
    return result;
  },
};

const source = {
  describe: "sqlite that may die",
  async open(): Promise<Store> {
    const store = await sqlite(file).open();
    return {
      ...store,
      db: store.db.withPlugin(dying),
      transaction: (work) => store.transaction((trx: Db) => work(trx.withPlugin(dying))),
    };
  },
};

const acknowledge = (what: Record<string, unknown>) => writeSync(1, `${JSON.stringify(what)}\n`);

const test = await createTestSegno({ database: source, seed: `crash ${dieAt}` });
isArmed = true;
const passkey = await test.signUpWithPasskey({ displayName: "Ada" });
acknowledge({
  login: passkey.session.id,
  user: passkey.user.id,
  cookie: passkey.browser.cookies.header(new URL(test.origin)),
});
const mailed = await test.signInAs("ada@example.com");
acknowledge({
  login: mailed.session.id,
  user: mailed.user.id,
  cookie: mailed.browser.cookies.header(new URL(test.origin)),
});

let refreshToken = (await mailed.tokens()).refreshToken;
acknowledge({ refreshToken });
for (let turn = 0; turn < 2; turn += 1) {
  const response = await mailed.browser.fetch(`${test.origin}/api/auth/oauth2/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" }),
  });
  const body: { refresh_token: string } = await response.json();
  refreshToken = body.refresh_token;
  acknowledge({ refreshToken });
}
acknowledge({ done: true, boundaries: boundary });
await test.close();
