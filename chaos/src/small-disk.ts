import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { PeerMissing } from "./report.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A file system of its own that can be filled to its last byte. */
export interface SmallDisk {
  readonly folder: string;
  fill(): void;
  free(): void;
  /** After everything that has files open there has ended. */
  remove(): void;
}

/** @throws PeerMissing where a file system cannot be mounted */
export function smallDisk(megabytes: number): SmallDisk {
  const folder = temporaryFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    throw new PeerMissing("a file system cannot be mounted here");
  }
  let isMounted = true;
  const remove = () => {
    if (isMounted) execFileSync("umount", ["--lazy", folder], { stdio: "ignore" });
    isMounted = false;
  };
  // before the folder itself is deleted
  process.prependOnceListener("exit", remove);
  const filler = join(folder, "filler");
  return {
    folder,
    fill() {
      const file = openSync(filler, "a");
      for (const size of [65_536, 4_096, 1]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(size));
        } catch {
          // no room for that much any more
        }
      }
      closeSync(file);
    },
    free: () => rmSync(filler, { force: true }),
    remove,
  };
}
