import { isSegnoError, SegnoError } from "@segno/core";

/** The custody cannot be used now. `why` is ours alone: nothing the custody answered gets into a message. */
export function custodyFault(
  custody: string,
  why: string,
  detail: Readonly<Record<string, string | number | boolean>> = {},
): SegnoError {
  return new SegnoError("key_unavailable", `${custody}: ${why}`, { detail: { custody, ...detail } });
}

/**
 * Runs one call to a custody. It ends with `signal` even when the client beneath does not listen to it; whatever is
 * thrown becomes `key_unavailable`, named by its kind only, because texts of others may quote what they were given.
 * @param verb what was tried, for example `sign`
 */
export async function callCustody<Answer>(
  call: { readonly custody: string; readonly verb: string; readonly signal: AbortSignal },
  work: () => Promise<Answer>,
): Promise<Answer> {
  const { custody, verb, signal } = call;
  const tooLate = (): SegnoError => custodyFault(custody, `no answer in time to ${verb}.`, { reason: "timeout" });
  if (signal.aborted) throw tooLate();
  let giveUp: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(tooLate());
    signal.addEventListener("abort", giveUp, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } catch (caught) {
    if (isSegnoError(caught, "key_unavailable")) throw caught;
    if (signal.aborted) throw tooLate();
    throw custodyFault(custody, `could not ${verb}: ${kindOf(caught)}.`, { reason: kindOf(caught) });
  } finally {
    if (giveUp !== undefined) signal.removeEventListener("abort", giveUp);
  }
}

/** The code or class of an error, when it looks like one: `ECONNREFUSED`, `AccessDeniedException`, `7`. */
function kindOf(caught: unknown): string {
  if (typeof caught !== "object" || caught === null) return "an unknown fault";
  const { code, name, cause } = caught as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  for (const kind of [code, cause?.code, name]) {
    if (typeof kind === "number") return `${kind}`;
    if (typeof kind === "string" && kind !== "Error" && /^[A-Za-z][\w.]{1,63}$/.test(kind)) return kind;
  }
  return "an unknown fault";
}
