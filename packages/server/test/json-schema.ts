// As much of JSON Schema 2020-12 as docs/schemas/events.schema.json uses. An unknown keyword is an error: nothing passes unread.

export type JsonSchema = Readonly<Record<string, unknown>>;

const known = new Set(
  "$schema $id $defs $ref title description type const enum pattern format minLength properties required additionalProperties items allOf if then else not".split(
    " ",
  ),
);

/** @returns every fault as a path and a reason; none when the value fits */
export function faultsOf(root: JsonSchema, value: unknown, schema: JsonSchema = root, path = "$"): readonly string[] {
  const faults: string[] = [];
  const say = (what: string) => void faults.push(`${path}: ${what}`);
  const into = (part: unknown, item: unknown, at: string) =>
    void faults.push(...faultsOf(root, item, part as JsonSchema, at));
  for (const name of Object.keys(schema)) if (!known.has(name)) say(`unknown keyword ${name}`);
  if (typeof schema["$ref"] === "string") {
    const target = (root["$defs"] as Readonly<Record<string, JsonSchema>>)[schema["$ref"].replace("#/$defs/", "")];
    if (target === undefined) say(`no ${schema["$ref"]}`);
    else into(target, value, path);
  }
  if ("const" in schema && value !== schema["const"]) say(`is not ${JSON.stringify(schema["const"])}`);
  if (Array.isArray(schema["enum"]) && !schema["enum"].includes(value)) say(`${JSON.stringify(value)} is not listed`);
  const kind = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  if (schema["type"] !== undefined && kind !== schema["type"]) say(`is ${kind}, not ${String(schema["type"])}`);
  if (typeof value === "string") {
    if (typeof schema["pattern"] === "string" && !new RegExp(schema["pattern"]).test(value)) say("has another form");
    if (typeof schema["minLength"] === "number" && value.length < schema["minLength"]) say("is too short");
    if (schema["format"] === "date-time" && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) say("is no time");
  }
  if (Array.isArray(value) && schema["items"] !== undefined) {
    for (const [index, item] of value.entries()) into(schema["items"], item, `${path}[${index}]`);
  }
  if (kind === "object") faults.push(...objectFaults(root, value as Readonly<Record<string, unknown>>, schema, path));
  for (const part of (schema["allOf"] ?? []) as readonly JsonSchema[]) into(part, value, path);
  if (schema["if"] !== undefined) {
    const isSo = faultsOf(root, value, schema["if"] as JsonSchema, path).length === 0;
    const next = isSo ? schema["then"] : schema["else"];
    if (next !== undefined) into(next, value, path);
  }
  if (schema["not"] !== undefined && faultsOf(root, value, schema["not"] as JsonSchema, path).length === 0)
    say("is what it must not be");
  return faults;
}

function objectFaults(
  root: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  schema: JsonSchema,
  path: string,
): readonly string[] {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  const faults = ((schema["required"] ?? []) as readonly string[])
    .filter((name) => !Object.hasOwn(value, name))
    .map((name) => `${path}.${name}: is missing`);
  for (const [name, member] of Object.entries(value)) {
    const part = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (part !== undefined) faults.push(...faultsOf(root, member, part, `${path}.${name}`));
    else if (schema["additionalProperties"] === false) faults.push(`${path}.${name}: is not listed`);
  }
  return faults;
}
