import { join } from "node:path";
import { temporaryFolder } from "./temporary-folder.ts";

/** A database of its own in a file; deleted when the run ends. */
export function sqliteFile(): { readonly kind: "sqlite"; readonly file: string } {
  return { kind: "sqlite", file: join(temporaryFolder(), "segno.db") };
}
