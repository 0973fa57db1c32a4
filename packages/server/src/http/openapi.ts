import { errorCodes, SegnoError } from "@segno/core";
import * as v from "valibot";
import type { ResolvedConfig } from "../config.js";
import { cookieNames } from "./cookies.js";
import type { ErrorForm } from "./error-response.js";
import { defineRoute, type Route } from "./route.js";

type Json = Readonly<Record<string, unknown>>;
type Convert = (schema: v.GenericSchema) => Json;

/** `GET /openapi.json`: OpenAPI 3.1 made of the schemas that validate. Made at the first request, then kept. */
export function openApiRoute(config: ResolvedConfig, routes: () => readonly Route[]): Route {
  let document: Promise<Json> | undefined;
  return defineRoute({
    method: "GET",
    path: "/openapi.json",
    operationId: "getOpenApi",
    summary: "This description",
    tag: "meta",
    access: "public",
    answers: { 200: { description: "OpenAPI 3.1.", schema: v.looseObject({ openapi: v.string() }) } },
    handle: async () => {
      document ??= describeRoutes(config, routes());
      return { json: await document, headers: { "cache-control": "public, max-age=300" } };
    },
  });
}

async function describeRoutes(config: ResolvedConfig, routes: readonly Route[]): Promise<Json> {
  const { toJsonSchema } = await import("@valibot/to-json-schema");
  const convert: Convert = (schema) => {
    const { $schema: _, ...rest } = toJsonSchema(schema, { errorMode: "ignore" });
    return rest;
  };
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    path[route.method.toLowerCase()] = operationOf(route, convert);
    paths[route.path] = path;
  }
  return {
    openapi: "3.1.0",
    info: { title: "Segno", version: "1", description: "Sign-in, sessions, tokens and passkeys." },
    servers: [{ url: `${config.origin}${config.basePath}` }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: problemSchema(), OAuthError: oauthErrorSchema },
      securitySchemes: {
        session: { type: "apiKey", in: "cookie", name: cookieNames(config.isSecure).session },
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        clientSecret: { type: "http", scheme: "basic", description: "RFC 6749 section 2.3.1" },
        clientCertificate: { type: "mutualTLS", description: "RFC 8705" },
        dpop: { type: "http", scheme: "dpop", description: "RFC 9449" },
      },
    },
  };
}

function operationOf(route: Route, convert: Convert): Json {
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string", maxLength: 128 },
    })),
    ...Object.entries(route.query ?? {}).map(([name, description]) => ({
      name,
      in: "query",
      description,
      schema: { type: "string" },
    })),
  ];
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.tag],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.access === "session" ? { security: [{ session: [] }, { bearer: [] }, { dpop: [] }] } : {}),
    // a client proves itself in the header, in the connection or in the body
    ...(route.errors === "oauth" ? { security: [{ clientSecret: [] }, { clientCertificate: [] }, {}] } : {}),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route, route.body, convert) }),
    responses: responsesOf(route, convert),
  };
}

function bodyOf(route: Route, schema: v.GenericSchema, convert: Convert): Json {
  const media = {
    json: "application/json",
    form: "application/x-www-form-urlencoded",
    secevent: "application/secevent+jwt",
  };
  const content = (route.encodings ?? ["json"]).map((encoding) => [media[encoding], { schema: convert(schema) }]);
  return { required: true, content: Object.fromEntries(content) };
}

function responsesOf(route: Route, convert: Convert): Json {
  const answers = Object.entries(route.answers).map(([status, { description, schema }]) => [
    status,
    { description, ...(schema === undefined ? {} : { content: { "application/json": { schema: convert(schema) } } }) },
  ]);
  return { ...Object.fromEntries(answers), default: errorAnswer(route.errors ?? "problem") };
}

function errorAnswer(form: ErrorForm): Json {
  if (form === "secevent") {
    const properties = { err: { type: "string" }, description: { type: "string" } };
    const schema = { type: "object", required: ["err"], properties };
    return { description: "Why it was refused (RFC 8935 section 2.3).", content: { "application/json": { schema } } };
  }
  if (form === "html") return { description: "A page that says what happened.", content: { "text/html": {} } };
  const [media, name] = form === "oauth" ? ["application/json", "OAuthError"] : ["application/problem+json", "Problem"];
  return {
    description: "Why it was refused.",
    content: { [media]: { schema: { $ref: `#/components/schemas/${name}` } } },
  };
}

const oauthErrorSchema: Json = {
  type: "object",
  required: ["error"],
  properties: { error: { type: "string" }, error_description: { type: "string" } },
};

function problemSchema(): Json {
  const onTheWire = errorCodes
    .map((code) => new SegnoError(code).info)
    .filter(({ status }) => status !== 0)
    .map(({ wireCode }) => wireCode);
  const text = { type: "string" };
  return {
    type: "object",
    required: ["type", "title", "status", "code", "requestId", "retry"],
    properties: {
      type: { type: "string", format: "uri" },
      title: text,
      status: { type: "integer" },
      code: { type: "string", enum: [...new Set(onTheWire)].toSorted() },
      requestId: text,
      retry: {
        type: "object",
        required: ["when"],
        properties: {
          when: { enum: ["never", "after_delay", "after_sign_in", "after_step_up", "after_correction", "new_attempt"] },
          afterSeconds: { type: "integer", minimum: 0 },
        },
      },
      fields: { type: "array", items: { type: "object", properties: { path: text, message: text } } },
    },
  };
}
