import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { LogFields, Logger, Segno } from "@segno/server";
import { CommandError, faultsOf, firstLine } from "./failure.js";
import type { Terminal } from "./terminal.js";

const docs = "docs/concepts/command-line.md#configuration";

/** The engine the environment describes. Mail cannot be told by variables, and a tool sends none. */
export async function engineFromEnvironment(needs: "store" | "everything", terminal: Terminal): Promise<Segno> {
  const { createSegno } = await import("@segno/server");
  const email = { send: async () => Promise.reject(new Error("The command line sends no mail.")) };
  const logger = loggerOn(terminal);
  if (needs === "everything") return createSegno({ email, logger });
  // what only the database is needed for asks for nothing else: the secret is never used
  const secret = `1:${randomBytes(32).toString("base64url")}`;
  const origin = "http://localhost";
  return createSegno({
    email,
    logger,
    secret,
    baseUrl: origin,
    issuer: origin,
    trustedOrigins: [],
    clientIp: { source: "socket" },
    production: false,
  });
}

/** What the engine has to say while a command runs, for people. */
function loggerOn(terminal: Terminal): Logger {
  const say = (message: string, fields: LogFields = {}) => {
    const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
    terminal.note(`log: ${message}${facts.join("")}`);
  };
  return { debug: () => {}, info: () => {}, warn: say, error: say };
}

/**
 * The engine a module exports as `segno`. The module runs as it does in the service, so it should only make the engine
 * and start nothing.
 * @throws CommandError when it cannot be loaded or exports no engine
 */
export async function engineFromModule(path: string): Promise<Segno> {
  const file = resolve(path);
  requireFile(path, file);
  const loaded = await importModule(path, file);
  const engine = loaded["segno"];
  if (isEngine(engine)) return engine;
  if (isOlderEngine(engine)) {
    throw new CommandError({
      code: "engine_version",
      cause: `${path} exports an engine of another version of Segno than this command.`,
      fix: "Install @segno/cli and @segno/server in one version.",
      docs,
    });
  }
  const names = Object.keys(loaded);
  const what = names.length === 0 ? "exports nothing" : `exports ${names.join(", ")}`;
  throw new CommandError({
    code: "no_engine",
    cause:
      engine === undefined
        ? `${path} does not export "segno": it ${what}.`
        : `${path} exports "segno", which is no engine.`,
    fix: "Export what createSegno returns: export const segno = createSegno({ ... })",
    docs,
  });
}

function requireFile(path: string, file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) {
    throw new CommandError({
      code: "config_missing",
      cause: `${path} is not there, or is no file (looked at ${file}).`,
      fix: "Give the module that makes the engine: --config ./segno.ts",
      docs,
    });
  }
  if (/^\.[mc]?ts$/.test(extname(file)) && !process.features.typescript) {
    throw new CommandError({
      code: "config_typescript",
      cause: `Node ${process.versions.node} does not load TypeScript.`,
      fix: "Use Node 22.18 or newer, or give the built JavaScript.",
      docs,
    });
  }
}

async function importModule(path: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (faultsOf(error) !== undefined) throw error;
    throw new CommandError(loadFailure(path, error));
  }
}

function loadFailure(path: string, error: unknown): CommandError["failure"] {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const cause = firstLine(typeof message === "string" ? message : String(error));
  const name = basename(path);
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") {
    return {
      code: "config_import",
      cause: `${name} imports what is not there: ${cause}`,
      fix: "Node takes imports as they are written: name the file's own ending (./db.ts), or give the built JavaScript.",
      docs,
    };
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX" || code === "ERR_INVALID_TYPESCRIPT_SYNTAX") {
    return {
      code: "config_typescript",
      cause: `${name} is not TypeScript that Node can strip: ${cause}`,
      fix: "Leave out enums, namespaces and parameter properties there, or give the built JavaScript.",
      docs,
    };
  }
  return {
    code: "config_failed",
    cause: `${name} failed while it was loaded: ${cause}`,
    fix: "The module must run by itself; --env .env brings the variables it reads.",
    docs,
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** By shape: the application may have its own copy of the server. */
function isEngine(value: unknown): value is Segno {
  if (!isOlderEngine(value)) return false;
  return isRecord(value["schema"]) && typeof value["inspect"] === "function";
}

function isOlderEngine(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value) || !isRecord(value["api"])) return false;
  return ["handler", "ready", "close"].every((name) => typeof value[name] === "function");
}
