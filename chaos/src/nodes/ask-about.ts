import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Segno } from "@segno/server";
import { exportLog } from "@segno/server/audit";

/** What a row may ask a node about its events, its audit log and its memory. */
export function asksAbout(segno: Segno): Readonly<Record<string, (input: never) => unknown>> {
  return {
    consumers: () => segno.api.events.consumers(),
    deadLetters: () => segno.api.events.deadLetters({ limit: 1_000 }),
    replaySince: ({ sink, sinceMs }: { sink: string; sinceMs: number }) => segno.api.events.replay({ sink, sinceMs }),
    health: () => segno.health(),
    heapBytes,
    /** Into a folder. @returns the keys it is verified by */
    exportAudit: async (folder: string) => {
      await segno.api.audit.settle();
      await exportLog(await segno.api.audit.storage(), folder);
      return (await segno.api.audit.status()).keys;
    },
  };
}

let collect: (() => void) | undefined;

/** What is still in use after everything else was collected. */
function heapBytes(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
