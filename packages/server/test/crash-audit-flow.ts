// Sessions begin, a person is erased, and the audit log takes what happened, on a database of its own. Kills itself at one
// boundary. Prints a line for everything that was acknowledged, then "done".
import { writeSync } from "node:fs";
import { personal } from "@segno/core";
import { createSession } from "../src/sessions/index.js";
import { createUser, deleteUser } from "../src/users/index.js";
import { openNode } from "./engine-kit.js";
import { sourceAt } from "./stores.js";
import { watchStore } from "./watched-store.js";

const [address = "", point = "0"] = process.argv.slice(2);
const dieAt = Number(point);
let boundary = 0;
let isArmed = false;

function passBoundary(): void {
  if (!isArmed) return;
  boundary += 1;
  if (boundary === dieAt) process.kill(process.pid, "SIGKILL");
}

const acknowledge = (what: Record<string, unknown>) => writeSync(1, `${JSON.stringify(what)}\n`);
const database = watchStore(sourceAt(address), { after: passBoundary, committed: passBoundary });
const node = await openNode(database, { audit: {} });
const { engine, audit } = node;
const actor = {
  requestId: "crash",
  personal: personal({ clientIp: "198.51.100.77", userAgent: "CanaryAgent/7319" }),
};
isArmed = true;

const users: string[] = [];
for (let turn = 0; turn < 3; turn += 1) {
  const session = await engine.store.transaction(async (trx) => {
    const user = await createUser(engine, trx, { method: "passkey" }, actor);
    users.push(user.id);
    const input = {
      userId: user.id,
      clientId: "segno",
      acr: "aal1",
      amr: [],
      method: "passkey",
      deviceName: "x",
    } as const;
    return (await createSession(engine, trx, input, actor)).session;
  });
  acknowledge({ session: session.id });
  await audit?.settle();
}
const [first = ""] = users;
await deleteUser(engine, first, actor);
acknowledge({ erased: first });
await audit?.settle();
acknowledge({ done: true, boundaries: boundary });
await node.stop();
process.exit(0);
