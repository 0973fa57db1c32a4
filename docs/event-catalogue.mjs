// The event catalogue as data, read from the types and comments of packages/core/src/telemetry: what the page of events and
// its JSON Schema are made of. A type or a comment that does not fit stops the generation.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const source = fileURLToPath(new URL("../packages/core/src/telemetry/events.ts", import.meta.url));
const keptFor = ["security", "account", "operations", "funnel"];

/** @returns {{ events: object[], failureClasses: string[] }} every event with its meaning, fields and schema, and the classes of failures */
export function readCatalogue(versions) {
  const program = ts.createProgram([source], {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(source);
  const declared = (name) => {
    const found = file.statements.find((node) => node.name?.text === name);
    if (found === undefined) throw new Error(`${source}: ${name} is not there`);
    return checker.getTypeAtLocation(found);
  };
  const textOf = (symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s+/g, " ");
  const fieldOf = (symbol) => {
    const type = checker.getTypeOfSymbolAtLocation(symbol, file);
    const schema = toSchema(checker, type, symbol.name);
    return {
      name: symbol.name,
      isOptional: (symbol.flags & ts.SymbolFlags.Optional) !== 0,
      meaning: textOf(symbol),
      schema,
    };
  };
  const events = checker.getPropertiesOfType(declared("SegnoEventMap")).map((symbol) => {
    const comment = textOf(symbol);
    const [, meaning, when, kept] = /^(.+?) When: (.+?)\. Kept: (\w+)\.$/.exec(comment) ?? [];
    if (!keptFor.includes(kept))
      throw new Error(`${symbol.name}: its comment must end "When: ... . Kept: ${keptFor.join("|")}."`);
    const fields = checker.getPropertiesOfType(checker.getTypeOfSymbolAtLocation(symbol, file)).map(fieldOf);
    return { name: symbol.name, version: versions[symbol.name], meaning, when, kept, fields };
  });
  const failureClasses = toSchema(checker, classType(program, checker), "FailureClass").enum;
  return { events, failureClasses };
}

function classType(program, checker) {
  const file = program.getSourceFiles().find(({ fileName }) => fileName.endsWith("telemetry/failure-class.ts"));
  return checker.getTypeAtLocation(file.statements.find((node) => node.name?.text === "FailureClass"));
}

function toSchema(checker, type, name) {
  const parts = (type.isUnion() ? type.types : [type]).filter((part) => (part.flags & ts.TypeFlags.Undefined) === 0);
  if (parts.every((part) => part.isStringLiteral())) return { enum: parts.map(({ value }) => value).sort() };
  if (parts.every((part) => (part.flags & ts.TypeFlags.BooleanLike) !== 0)) return { type: "boolean" };
  const [only] = parts;
  if (parts.length === 1 && (only.flags & ts.TypeFlags.String) !== 0) return { type: "string" };
  if (parts.length === 1 && (only.flags & ts.TypeFlags.Number) !== 0) return { type: "number" };
  if (parts.length === 1 && checker.isArrayType(only))
    return { type: "array", items: toSchema(checker, checker.getTypeArguments(only)[0], name) };
  throw new Error(`${name}: the type ${checker.typeToString(type)} has no JSON Schema here`);
}

/** JSON Schema 2020-12 of every event on the wire: one envelope, and what `data` holds by `type`. */
export function schemaOf({ events, failureClasses }) {
  const text = { type: "string" };
  const id = { type: "string", minLength: 1 };
  const plain = { type: "string", pattern: "^[A-Za-z0-9._-]{1,64}$" };
  const properties = {
    specversion: { const: "1.0" },
    id,
    source: id,
    type: { enum: events.map(wireType) },
    time: { type: "string", format: "date-time" },
    datacontenttype: { const: "application/json" },
    dataschema: { enum: events.map(({ name, version }) => `urn:segno:event:${name}:${version}`) },
    subject: text,
    requestid: text,
    actortype: { enum: ["user", "service", "operator", "system"] },
    actorid: text,
    sessionid: text,
    clientid: text,
    deviceid: { type: "string", pattern: "^[A-Za-z0-9_-]{22}$" },
    deviceclass: { enum: ["phone", "tablet", "desktop", "other"] },
    networkid: { type: "string", pattern: "^[A-Za-z0-9_-]{22}$" },
    place: { type: "string", pattern: "^-?[0-9]{1,2},-?[0-9]{1,3}$" },
    tenantid: plain,
    experiment: plain,
    variant: plain,
    traceid: { type: "string", pattern: "^[0-9a-f]{32}$" },
    traceparent: { type: "string", pattern: "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" },
    outcome: { enum: ["success", "failure"] },
    failureclass: { enum: failureClasses },
    data: { type: "object" },
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:segno:events:1",
    title: "A Segno event, as CloudEvents 1.0 JSON",
    type: "object",
    required: [
      "specversion",
      "id",
      "source",
      "type",
      "time",
      "datacontenttype",
      "dataschema",
      "requestid",
      "actortype",
      "outcome",
      "data",
    ],
    additionalProperties: false,
    properties,
    allOf: [
      {
        if: { properties: { outcome: { const: "failure" } } },
        then: { required: ["failureclass"] },
        else: { not: { required: ["failureclass"] } },
      },
      ...events.map((event) => ({
        if: { properties: { type: { const: wireType(event) } } },
        then: { properties: { data: { $ref: `#/$defs/${event.name}` } } },
      })),
    ],
    $defs: Object.fromEntries(events.map((event) => [event.name, dataSchema(event)])),
  };
}

function dataSchema({ meaning, fields }) {
  const required = fields.filter(({ isOptional }) => !isOptional).map(({ name }) => name);
  return {
    description: meaning,
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
    properties: Object.fromEntries(
      fields.map(({ name, schema, meaning: says }) => [name, says === "" ? schema : { ...schema, description: says }]),
    ),
  };
}

const wireType = ({ name, version }) => `dev.segno.${name}.v${version}`;

/** The section of one event: meaning, when, fields, and an event that a real run wrote. */
export function sectionOf({ name, version, meaning, when, kept, fields }, example) {
  const rows = fields.map((field) => {
    const optional = field.isOptional ? " (may be missing)" : "";
    return `| \`${field.name}\`${optional} | ${typeText(field.schema)} | ${field.meaning} |`;
  });
  const table = rows.length === 0 ? "No data." : `| data | type | meaning |\n| --- | --- | --- |\n${rows.join("\n")}`;
  const json = example === undefined ? "" : `\n\n\`\`\`json\n${JSON.stringify(example, null, 2)}\n\`\`\``;
  return `### \`${name}\`\n\n${meaning} Written: ${when}. Kept for: ${kept}. Version ${version}.\n\n${table}${json}`;
}

function typeText(schema) {
  if (schema.enum !== undefined) {
    // the codes have a page of their own
    if (schema.enum.length > 20) return "an [error code](errors.md)";
    return schema.enum.map((value) => `\`${value}\``).join(", ");
  }
  return schema.type === "array" ? `list of ${typeText(schema.items)}s` : schema.type;
}

/** Events of a real run, by name. */
export function readExamples() {
  return JSON.parse(readFileSync(fileURLToPath(new URL("schemas/event-examples.json", import.meta.url)), "utf8"));
}
