import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import process from "node:process";
import { CommandError } from "../failure.js";
import type { ProbePasskey } from "./passkey.js";

const docs = "docs/concepts/service-levels.md#a-sign-in-from-outside";

/** Writes the account's passkey where nobody else may read it. An existing file stays: its account would be lost. */
export function writeProbeFile(file: string, origin: string, passkey: ProbePasskey): void {
  const { id, rpId, userHandle, privateKey } = passkey;
  const key = privateKey.export({ format: "jwk" });
  try {
    writeFileSync(file, `${JSON.stringify({ origin, id, rpId, userHandle, key }, null, 2)}\n`, {
      mode: 0o600,
      flag: "wx",
    });
  } catch (error) {
    throw notWritable(file, error);
  }
}

/** Fails early, before an account is made whose key could not be kept. */
export function requireNoProbeFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) throw notWritable(file, { code: "EEXIST" });
}

function notWritable(file: string, error: unknown): CommandError {
  const isThere = (error as { readonly code?: unknown }).code === "EEXIST";
  return new CommandError({
    code: "probe_file",
    cause: isThere ? `${file} is there already, with the key of an account.` : `${file} cannot be written.`,
    fix: isThere ? "Use it, or give another name: --file probe-2.json" : "Give a file in a folder you may write to.",
    docs,
  });
}

/** @throws CommandError when it cannot be read, others can read it too, or it is for another origin */
export function readProbeFile(file: string, origin: string): ProbePasskey {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) {
    throw fault(
      `${file} is not there.`,
      `Make the probe's account once: segno probe enrol --url ${origin} --file ${file}`,
    );
  }
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    throw fault(`Others than you can read ${file}, which holds a private key.`, `chmod 600 ${file}`);
  }
  const kept = parse(file);
  if (kept.origin !== origin) {
    throw fault(
      `${file} is for ${String(kept.origin).slice(0, 200)}, not for ${origin}.`,
      "Give the address it was made for.",
    );
  }
  return kept.passkey;
}

function parse(file: string): { readonly origin: unknown; readonly passkey: ProbePasskey } {
  try {
    const { origin, id, rpId, userHandle, key } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    if (typeof id !== "string" || typeof rpId !== "string" || typeof userHandle !== "string") throw new TypeError();
    const privateKey = createPrivateKey({ format: "jwk", key: key as JsonWebKey });
    if (privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new TypeError();
    return { origin, passkey: { id, rpId, userHandle, privateKey } };
  } catch {
    // what the parser says may quote the key
    throw fault(`${file} is not what segno probe enrol writes.`, "Make a new account: segno probe enrol");
  }
}

function fault(cause: string, fix: string): CommandError {
  return new CommandError({ code: "probe_file", cause, fix, docs });
}
