// Writes the pages that restate code: errors, events and configuration. With --check it only says whether they are up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorCodes, eventSchemaVersions, SegnoError } from "../packages/core/dist/index.js";
import { readCatalogue, readExamples, schemaOf, sectionOf } from "./event-catalogue.mjs";
import { configurationPage } from "../scripts/docs-configuration.mjs";

const isCheck = process.argv.includes("--check");
const catalogue = readCatalogue(eventSchemaVersions);
const pages = {
  "schemas/events.schema.json": `${JSON.stringify(schemaOf(catalogue), null, 2)}\n`,
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
  const examples = readExamples();
  const index = catalogue.events.map(
    ({ name, meaning, kept }) => `| [\`${name}\`](#${name.replaceAll(".", "")}) | ${meaning} | ${kept} |`,
  );
  const classes = catalogue.failureClasses.map((name) => `\`${name}\``).join(", ");
  return `# Events

What happened at your sign-in, as facts that your application, other services and auditors can act on: who signed in, what was refused, which key was rotated.

\`\`\`ts
import { createSegno } from "@segno/server";

export const segno = createSegno();
segno.on("login.success", ({ subject, data }) => console.log(subject, "signed in by", data.method));
\`\`\`

Written to an outbox table in the same transaction as the change they tell of, so a change without its event does not exist. Delivered at least
once, in order per subject, with a stable \`id\`; a slow or failing subscriber delays nothing. In what order, and
what happens when a receiver is away: [delivery](event-delivery.md); where they go: [event sinks](event-sinks.md). What
to do about \`risk.alert\`: the [runbooks](../runbooks/README.md). What is made of them: the [funnel](funnel.md).

On a wire an event is CloudEvents 1.0 JSON; its [JSON Schema](../schemas/events.schema.json) is made of the same types as this page. In process
\`segno.on\` gives the same facts: \`type\` is the name alone there (\`login.success\`), on a wire it is \`dev.segno.login.success.v1\`, because a bus holds events of many
makers and versions. What is not known is left out of the JSON and \`null\` in process. A field more is no new version; a field less, or another meaning, is.

| in process | in JSON | meaning |
| --- | --- | --- |
| \`id\` | \`id\` | stable over redelivery |
| \`type\`, \`schemaVersion\` | \`type\`, \`dataschema\` | what happened, and the version of its data |
| \`time\` | \`time\` | when it took effect, RFC 3339 |
| \`subject\` | \`subject\` | who it happened to: the user's id |
| \`actor\` | \`actortype\`, \`actorid\` | who did it: a \`user\`, a \`service\` by its client id, an \`operator\` by \`segno.api\` or the command line, the \`system\` |
| \`requestId\`, \`traceId\` | \`requestid\`, \`traceid\` | finds the request in logs; the trace that the request said it is part of |
| \`traceparent\` | \`traceparent\` | the trace and span that wrote it (W3C Trace Context), where tracing is on |
| \`sessionId\`, \`clientId\` | \`sessionid\`, \`clientid\` | in which session, by which client |
| \`deviceId\` | \`deviceid\` | a pseudonym of a browser that signed in here before, made of its cookie by a MAC |
| \`deviceClass\` | \`deviceclass\` | \`phone\`, \`tablet\`, \`desktop\`, \`probe\` or \`other\`, as the user agent says |
| \`tenantId\` | \`tenantid\` | what the option \`tenant\` answered |
| \`experiment\`, \`variant\` | \`experiment\`, \`variant\` | what the option \`experiment\` answered: experiments add attributes, never names |
| \`outcome\`, \`failureClass\` | \`outcome\`, \`failureclass\` | \`failure\` events, and they alone, have a class |

The classes are closed: ${classes}. Every [error code](errors.md) has exactly one.

**Nothing personal.** No event carries an address, a name, an IP, a token, a code or a secret: personal values have a type that cannot be assigned to
event data, and tests plant marked values in every input. The \`ui.*\` events are what a page says of itself and are proved by nothing; they hold no text that the page chose.

**Bounded.** Refused sign-ins are told one by one, up to sixty a minute for each method, reason and process; the rest is counted and told as one event with
\`count\`. Attempts that nobody finished likewise. Other sites' pages and unreadable requests write nothing.

**In process.** A process without subscribers takes no events for them; of several processes with subscribers one gets each event. A call that throws, or takes longer
than ten seconds, is tried again for that subscriber alone, twelve times over some twenty minutes; then the event is set aside and an error is logged. Events are kept for
seven days (\`events.keepDays\`), and until every receiver has them.

This page is generated from the code, the examples are from a recorded run.

| event | meaning | kept for |
| --- | --- | --- |
${index.join("\n")}

${catalogue.events.map((event) => sectionOf(event, examples[event.name])).join("\n\n")}
`;
}

function read(page) {
  return existsSync(path(page)) ? readFileSync(path(page), "utf8") : "";
}

function path(page) {
  return fileURLToPath(new URL(page, import.meta.url));
}
