import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own; deleted when the run ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "segno-chaos-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
