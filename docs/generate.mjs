// Writes the pages that restate code: errors, events and configuration. With --check it only says whether they are up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorCodes, eventSchemaVersions, SegnoError } from "../packages/core/dist/index.js";
import { configurationPage } from "../scripts/docs-configuration.mjs";

const isCheck = process.argv.includes("--check");
const pages = {
  "concepts/errors.md": errorsPage(),
  "concepts/events.md": eventsPage(),
  "concepts/configuration.md": await configurationPage(fileURLToPath(new URL("..", import.meta.url))),
};
const stale = Object.entries(pages).filter(([page, text]) => read(page) !== text);

if (isCheck && stale.length > 0) {
  console.error(`Not up to date: ${stale.map(([page]) => `docs/${page}`).join(", ")}. Run: pnpm run docs:generate`);
  process.exit(1);
}
for (const [page, text] of stale) writeFileSync(path(page), text);
console.log(`docs: ${Object.keys(pages).length} generated pages, ${stale.length} rewritten`);

function errorsPage() {
  const rows = errorCodes
    .map((code) => new SegnoError(code).info)
    .map((row) => {
      const status = row.status === 0 ? "" : row.status;
      return `| <a id="${row.code}"></a>\`${row.code}\` | ${status} | ${seenBy(row)} | ${row.retry.replaceAll("_", " ")} | ${row.title} |`;
    });
  return `# Errors

One class, \`SegnoError\`, with a stable \`code\`. Codes are append-only: none changes its meaning within a major version. Responses are RFC 9457
\`application/problem+json\` with \`code\`, \`status\`, \`title\`, \`requestId\` and \`retry\`, built from this table alone; OAuth endpoints answer in the form
of RFC 6749. A message or a detail of an error never leaves the server.

Client functions return \`{ data, error }\`. \`error.code\` is what the column "clients see" says, \`error.retry.when\` is the column "retry",
and \`error.requestId\` finds the request in your logs.

- **yes**: travels under its own name.
- **as another code**: causes that must look equal from outside. The true code is in your process only: in events, in telemetry and in what \`verify\` throws.
- **made in the browser**: no answer arrived, or no request was sent. These never travel.

This page is generated from the code.

| code | status | clients see | retry | what the user reads |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function seenBy(row) {
  if (row.status === 0) return "made in the browser";
  return row.wireCode === row.code ? "yes" : `as \`${row.wireCode}\``;
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

A process without subscribers takes no events: they wait for one that has some. Of several processes with subscribers one gets each event. A call that
throws, or takes longer than ten seconds, is tried again for that subscriber alone, twelve times over some twenty minutes; then the event is moved aside
and an error is logged. Delivered events are deleted after a day. \`login.failure\`, \`risk.alert\` and \`stepup.required\` have the outcome \`failure\`, all
others \`success\`. What to do about \`risk.alert\`: the [runbooks](../runbooks/README.md).

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
