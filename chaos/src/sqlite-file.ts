import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A database of its own in a file; deleted when the run ends. */
export function sqliteFile(): { readonly kind: "sqlite"; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), "segno-chaos-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return { kind: "sqlite", file: join(folder, "segno.db") };
}
