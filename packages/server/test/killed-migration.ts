// A process of its own that dies in the middle of applying migrations. Arguments: where the database is, before which statement.
import process from "node:process";
import { createSegno } from "@segno/server";
import { sourceAt } from "./stores.js";

const [address = "", dieAt = "1"] = process.argv.slice(2);
const segno = createSegno({
  baseUrl: "http://localhost",
  secret: "1:first-secret-0123456789-abcdefghijklmnop",
  database: sourceAt(address),
});
await segno.schema.apply({
  onStep: ({ statement }) => {
    if (statement === Number(dieAt)) process.kill(process.pid, "SIGKILL");
  },
});
