// What `segno support CODE --config` loads: the engine of the running app, in a process of its own.
import { createSegno, type Segno } from "@segno/server";

const { WATCHED_URL, WATCHED_DATABASE, WATCHED_SECRET } = process.env;
if (!WATCHED_URL || !WATCHED_DATABASE || !WATCHED_SECRET) throw new Error("Started by the test of support codes only.");

export const segno: Segno = createSegno({
  baseUrl: WATCHED_URL,
  database: WATCHED_DATABASE,
  secret: WATCHED_SECRET,
  production: false,
});
