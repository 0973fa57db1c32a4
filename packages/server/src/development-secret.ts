import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The secret of a development machine: made once, kept beside the development database, readable by its owner only.
 * Two processes starting at once agree on one.
 */
export function loadDevelopmentSecret(folder: string = "./.segno"): string {
  const file = join(folder, "secret");
  const known = readIfThere(file);
  if (known !== undefined) return known;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `secret.${randomBytes(6).toString("hex")}`);
  writeFileSync(draft, `1:${randomBytes(32).toString("base64url")}`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
  return readFileSync(file, "utf8").trim();
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}
