import { isUtf8 } from "node:buffer";
import { type ProblemField, SegnoError } from "@segno/core";
import { getDotPath, safeParse } from "valibot";
import { parseForm } from "./form.js";
import type { IncomingWithBody } from "./incoming.js";
import type { BodyEncoding, Route } from "./route.js";
import { parseStrictJson } from "./strict-json.js";

const defaultMaxBytes = 16 * 1024;

/** The fields a validation failure names. Kept beside the error, because they describe the request, not the code. */
const fieldsOfError = new WeakMap<SegnoError, readonly ProblemField[]>();
export function problemFields(error: SegnoError): readonly ProblemField[] | undefined {
  return fieldsOfError.get(error);
}

/** `invalid_input` that says which fields were not valid. */
export function invalidFields(fields: readonly ProblemField[]): SegnoError {
  const error = new SegnoError("invalid_input", "Fields of the body are not valid.");
  fieldsOfError.set(error, fields);
  return error;
}

/**
 * Reads, decodes and validates the body a route asks for.
 * @throws SegnoError `payload_too_large`, `unsupported_media_type`, `invalid_input`
 */
export async function readBody(request: IncomingWithBody, route: Route): Promise<unknown> {
  const text = await readText(request, route.maxBodyBytes ?? defaultMaxBytes);
  if (route.body === undefined) {
    if (text === "") return undefined;
    const parsed = decode(request, text, {});
    if (typeof parsed === "object" && parsed !== null && Object.keys(parsed).length === 0) return undefined;
    throw new SegnoError("invalid_input", "This request takes no body.");
  }
  const result = safeParse(route.body, decode(request, text, route), { abortPipeEarly: true });
  if (result.success) return result.output;
  throw invalidFields(
    result.issues
      .slice(0, 16)
      .map((issue) => ({ path: (getDotPath(issue) ?? "").slice(0, 64), message: textOf(issue) })),
  );
}

interface Issue {
  readonly message: string;
  readonly expected: string | null;
}

/** Valibot's own messages quote what was received, which may be a code or an address: those are replaced. */
function textOf(issue: Issue): string {
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  if (issue.expected === "never") return "This field is not known.";
  return issue.expected === null ? "Not valid." : `Expected ${issue.expected}.`;
}

function decode(
  request: IncomingWithBody,
  text: string,
  { encodings = ["json"], repeatable }: Pick<Route, "encodings" | "repeatable">,
): unknown {
  const encoding = encodingOf(request.headers.get("content-type"));
  if (encoding === undefined || !encodings.includes(encoding)) throw new SegnoError("unsupported_media_type");
  if (encoding === "secevent") return text;
  return encoding === "json" ? parseStrictJson(text) : parseForm(text, repeatable);
}

/** Only UTF-8: a second charset is a second way to read the same bytes. */
function encodingOf(contentType: string | null): BodyEncoding | undefined {
  const match = /^\s*([a-z0-9!#$&^_.+/-]{1,127})\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i.exec(contentType ?? "");
  const type = match?.[1]?.toLowerCase();
  if (type === "application/json") return "json";
  if (type === "application/secevent+jwt") return "secevent";
  return type === "application/x-www-form-urlencoded" ? "form" : undefined;
}

async function readText(request: IncomingWithBody, maxBytes: number): Promise<string> {
  const { body } = request;
  if (typeof body === "string") {
    if (Buffer.byteLength(body) > maxBytes) throw new SegnoError("payload_too_large");
    return body;
  }
  if (body instanceof Uint8Array) {
    if (body.byteLength > maxBytes) throw new SegnoError("payload_too_large");
    return decodeUtf8(body);
  }
  const declared = request.headers.get("content-length");
  if (declared !== null && !(Number(declared) <= maxBytes)) throw new SegnoError("payload_too_large");
  return body === null ? "" : decodeUtf8(await readStream(body, maxBytes));
}

async function readStream(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (let part = await read(reader); part !== undefined; part = await read(reader)) {
    length += part.byteLength;
    if (length > maxBytes) {
      reader.cancel().catch(() => {});
      throw new SegnoError("payload_too_large");
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** A byte order mark stays: it is no white space to JSON. */
function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new SegnoError("invalid_input", "The body is not UTF-8.");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await reader.read();
    return done ? undefined : value;
  } catch (cause) {
    // the client went away, or somebody read the body before us
    throw new SegnoError("invalid_input", "The body could not be read.", { cause });
  }
}
