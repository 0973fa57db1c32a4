import { SegnoError, type SegnoEvent } from "@segno/core";
import type { Finding, Hunt } from "./hunt.js";
import { baseHunts } from "./hunts.js";
import { tokenBurst } from "./token-burst.js";

/** Every saved hunt. */
export const hunts: readonly Hunt[] = [...baseHunts, tokenBurst];

/**
 * Looks through events, which must come in the order they were committed, for all hunts or for those named.
 * @throws SegnoError `invalid_input` for a name that is none
 */
export async function runHunts(
  events: AsyncIterable<SegnoEvent> | Iterable<SegnoEvent>,
  names?: readonly string[],
): Promise<readonly Finding[]> {
  const unknown = names?.find((name) => !hunts.some((hunt) => hunt.name === name));
  if (unknown !== undefined) throw new SegnoError("invalid_input", `There is no hunt "${unknown}".`);
  const started = hunts.filter(({ name }) => names === undefined || names.includes(name)).map((hunt) => hunt.start());
  for await (const event of events) for (const each of started) each.see(event);
  return started.flatMap((each) => each.findings()).toSorted((a, b) => (a.from < b.from ? -1 : 1));
}
