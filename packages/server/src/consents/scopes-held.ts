import type { Db, Engine } from "../engine.js";
import { selectConsents } from "./store.js";

/**
 * Of these scopes those that may go into a token of this person: one that a purpose lists needs consent to the version in
 * force. The store is asked only where one of them needs it.
 */
export async function scopesHeld(
  engine: Engine,
  db: Db,
  input: { readonly userId: string; readonly scopes: readonly string[] },
): Promise<readonly string[]> {
  const needed = new Map<string, string[]>();
  for (const [purpose, { scopes }] of engine.config.consents) {
    for (const scope of scopes) needed.set(scope, [...(needed.get(scope) ?? []), purpose]);
  }
  if (!input.scopes.some((scope) => needed.has(scope))) return input.scopes;
  const granted = new Set(
    (await selectConsents(db, input.userId))
      .filter((row) => row.withdrawn_at === null && row.version === engine.config.consents.get(row.purpose)?.version)
      .map(({ purpose }) => purpose),
  );
  return input.scopes.filter((scope) => (needed.get(scope) ?? []).every((purpose) => granted.has(purpose)));
}
