import type { Segno } from "@segno/server";
import type { CommandInput } from "../command.js";
import { openEngine } from "../open-engine.js";

/** The verbs about keys. */
export async function openKeys(input: CommandInput): Promise<Segno["api"]["keys"]> {
  return (await openEngine(input, "keys")).api.keys;
}
