// An operator's day on a database of its own: rotate, retire the spare, give a key up. Kills itself at one boundary. Prints
// a line for everything that was acknowledged, then "done".
import { createTestSegno } from "@segno/testing";
import { acknowledge, acknowledgeEnd, arm, database, dieAt } from "./crash-points.js";

const test = await createTestSegno({ database, seed: `crash keys ${dieAt}` });
const { keys } = test.segno.api;
const people = await Promise.all(["ada", "bob", "eve"].map((name) => test.signInAs(`${name}@example.com`)));
const token = async (index: number) => (await people[index]?.tokens())?.accessToken;
await test.settle();
arm();

acknowledge({ token: await token(0) });
const rotation = await keys.rotate({ atOnce: true });
acknowledge({ rotated: rotation?.kid });
acknowledge({ token: await token(1) });
acknowledge({ token: await token(2) });
const spare = (await keys.status()).keys.find((key) => key.state === "published")?.kid ?? "";
await keys.retire(spare);
acknowledge({ retired: spare });
acknowledge({ giving: rotation?.kid });
const report = await keys.compromise(rotation?.kid ?? "", { sinceMs: 0 });
acknowledge({ given: rotation?.kid, sessionsRevoked: report.sessionsRevoked });
const after = await test.signInAs("ada@example.com");
acknowledge({ token: (await after.tokens()).accessToken });
acknowledgeEnd();
await test.close();
process.exit(0);
