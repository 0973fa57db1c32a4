// Writes the pages that restate code: errors and events. With --check it only says whether they are up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorCodes, errorInfo, eventSchemaVersions } from "../packages/core/dist/index.js";

const isCheck = process.argv.includes("--check");
const pages = { "concepts/errors.md": errorsPage(), "concepts/events.md": eventsPage() };
const stale = Object.entries(pages).filter(([page, text]) => read(page) !== text);

if (isCheck && stale.length > 0) {
  console.error(`Not up to date: ${stale.map(([page]) => `docs/${page}`).join(", ")}. Run: pnpm run docs:generate`);
  process.exit(1);
}
for (const [page, text] of stale) writeFileSync(path(page), text);
console.log(`docs: ${Object.keys(pages).length} generated pages, ${stale.length} rewritten`);

function errorsPage() {
  const rows = errorCodes.map(errorInfo).map((row) => {
    const outside = row.wireCode === row.code ? "" : `\`${row.wireCode}\``;
    return `| \`${row.code}\` | ${row.status === 0 ? "client only" : row.status} | ${outside} | ${row.retry.replaceAll("_", " ")} | ${row.title} |`;
  });
  return `# Errors

One class, \`SegnoError\`, with a stable \`code\`. Codes are append-only. Responses are RFC 9457 \`application/problem+json\`, built from this table
alone; OAuth endpoints answer in the form of RFC 6749. Where causes must look equal from outside, the third column names what is seen.
Client functions return \`{ data, error }\`; \`error.retry.when\` is the fourth column.

This page is generated from the code.

| code | status | seen as | retry | what the user reads |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function eventsPage() {
  const fields = eventFields();
  const rows = Object.entries(eventSchemaVersions).map(
    ([name, version]) =>
      `| \`${name}\` | ${version} | ${(fields.get(name) ?? []).map((field) => `\`${field}\``).join(" ")} |`,
  );
  return `# Events

Written to an outbox table in the same transaction as the change they tell of, so a change without its event does not exist. Delivered at least
once, in order per subject, with a stable \`id\`; a slow or failing subscriber delays nothing. The envelope maps one to one onto CloudEvents
1.0: \`id\`, \`type\`, \`time\`, \`subject\`, \`data\`, and \`requestId\`, \`sessionId\`, \`clientId\`, \`outcome\`, \`schemaVersion\`. No event carries an address, a
token, a code or a secret: personal values have a type that cannot be assigned to event data.

This page is generated from the code.

| event | version | data |
| --- | --- | --- |
${rows.join("\n")}
`;
}

/** Field names per event, read from the interface that defines them. */
function eventFields() {
  const source = readFileSync(
    fileURLToPath(new URL("../packages/core/src/telemetry/events.ts", import.meta.url)),
    "utf8",
  );
  const facts = names(/interface KeyFacts \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? "");
  const map = /export interface SegnoEventMap \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? "";
  const found = new Map();
  for (const [, name, body] of map.matchAll(/"([a-z_.]+)": ([\s\S]*?)(?=\n  (?:"|\/\*\*)|$)/g)) {
    found.set(name, [...(body.includes("KeyFacts") ? facts : []), ...names(body)]);
  }
  return found;
}

function names(text) {
  return [...text.matchAll(/readonly (\w+\??):/g)].map((match) => match[1]);
}

function read(page) {
  return existsSync(path(page)) ? readFileSync(path(page), "utf8") : "";
}

function path(page) {
  return fileURLToPath(new URL(page, import.meta.url));
}
