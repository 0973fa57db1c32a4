// An operator's day on a database of its own: rotate, retire the spare, give a key up. Kills itself at one boundary. Prints
// a line for everything that was acknowledged, then "done".
import { writeSync } from "node:fs";
import { createTestSegno } from "@segno/testing";
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
const test = await createTestSegno({ database, seed: `crash keys ${dieAt}` });
const { keys } = test.segno.api;
const people = await Promise.all(["ada", "bob", "eve"].map((name) => test.signInAs(`${name}@example.com`)));
const token = async (index: number) => (await people[index]?.tokens())?.accessToken;
await test.settle();
isArmed = true;

acknowledge({ token: await token(0) });
const rotation = await keys.rotate({ atOnce: true });
acknowledge({ rotated: rotation?.kid });
acknowledge({ token: await token(1) });
const spare = (await keys.status()).keys.find((key) => key.state === "published")?.kid ?? "";
await keys.retire(spare);
acknowledge({ retired: spare });
acknowledge({ giving: rotation?.kid });
const report = await keys.compromise(rotation?.kid ?? "", { sinceMs: 0 });
acknowledge({ given: rotation?.kid, sessionsRevoked: report.sessionsRevoked });
const after = await test.signInAs("ada@example.com");
acknowledge({ token: (await after.tokens()).accessToken });
acknowledge({ done: true, boundaries: boundary });
await test.close();
process.exit(0);
