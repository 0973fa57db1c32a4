import type { ResolvedConfig, TokenOptions } from "../config.js";
import { listOf } from "./list-of.js";
import { checkSeconds, day, minute } from "./seconds.js";

/** @param introspection the environment's list of resource servers that may introspect */
export function readTokens(
  given: TokenOptions,
  issuer: string,
  introspection: string | undefined,
  faults: string[],
): ResolvedConfig["tokens"] {
  const tokens = {
    accessTokenSeconds: 5 * minute,
    audiences: [issuer],
    scopes: [],
    refreshIdleSeconds: 30 * day,
    refreshAbsoluteSeconds: 90 * day,
    refreshGraceSeconds: 30,
    rotateBound: true,
    clients: ["segno"],
    introspectionClients: introspectionClientsOf(introspection, faults),
    ...given,
  };
  checkSeconds("tokens", tokens, faults, ["refreshGraceSeconds"]);
  if (tokens.accessTokenSeconds > 3_600)
    faults.push("tokens.accessTokenSeconds: must be 3600 at most; verifiers without the status list wait for it");
  if (typeof tokens.rotateBound !== "boolean") faults.push("tokens.rotateBound: must be true or false");
  if (tokens.audiences.length === 0) faults.push("tokens.audiences: must name at least one audience");
  for (const [id, secret] of Object.entries(tokens.introspectionClients)) {
    if (secret.length < 16)
      faults.push(`tokens.introspectionClients: the secret of ${JSON.stringify(id)} is shorter than 16 characters`);
  }
  return tokens;
}

function introspectionClientsOf(text: string | undefined, faults: string[]): Readonly<Record<string, string>> {
  const entries = listOf(text).map((entry) => {
    const colon = entry.indexOf(":");
    if (colon < 1)
      faults.push('tokens.introspectionClients: SEGNO_INTROSPECTION_CLIENTS must look like "id:secret,id:secret"');
    return [entry.slice(0, Math.max(0, colon)), entry.slice(colon + 1)] as const;
  });
  return Object.fromEntries(entries);
}
