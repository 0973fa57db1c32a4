// What the browser gets names nothing of Node or of the server.
import { readdirSync, readFileSync } from "node:fs";

const files = readdirSync("dist/assets");
const script = files
  .filter((file) => file.endsWith(".js"))
  .map((file) => readFileSync(`dist/assets/${file}`, "utf8"))
  .join("\n");
const found = [/["']node:/, /kysely/i, /sqlite/i, /PRIVATE KEY/].filter((word) => word.test(script));
if (found.length > 0) throw new Error(`the bundle contains ${found.join(", ")}`);
if (!files.some((file) => file.endsWith(".css"))) throw new Error("the styles did not arrive");
if (!script.includes("createRoot") && script.length < 100_000)
  throw new Error("the bundle is too small to be the application");
console.log(`${(script.length / 1000).toFixed(0)} kB of script, clean`);
