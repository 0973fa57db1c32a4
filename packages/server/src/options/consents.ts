import type { ResolvedConfig, SegnoOptions } from "../config.js";

/** What people may agree to, and which scopes need it. */
export function readConsents(
  given: NonNullable<SegnoOptions["consents"]>,
  scopes: readonly string[],
  faults: string[],
): ResolvedConfig["consents"] {
  for (const [purpose, rule] of Object.entries(given)) {
    const name = `consents[${JSON.stringify(purpose)}]`;
    if (!/^[a-z][a-z0-9_-]{0,39}$/.test(purpose))
      faults.push(`${name}: must be a short plain name such as "marketing"`);
    if (!Number.isInteger(rule.version) || rule.version < 1)
      faults.push(`${name}.version: must be a whole number from 1`);
    for (const scope of rule.scopes ?? []) {
      if (!scopes.includes(scope)) faults.push(`${name}.scopes: ${JSON.stringify(scope)} is not one of tokens.scopes`);
    }
  }
  return new Map(
    Object.entries(given).map(([purpose, { version, scopes: bound = [] }]) => [purpose, { version, scopes: bound }]),
  );
}
