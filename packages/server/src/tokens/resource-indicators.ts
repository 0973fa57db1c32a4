import { SegnoError } from "@segno/core";
import type { ServiceClient } from "../config.js";
import type { Engine } from "../engine.js";
import { parseRefreshToken } from "./refresh-token.js";
import { findFamily } from "./store.js";

/**
 * The audiences of a token: exactly those asked for, if every one is listed for the client (RFC 8707 section 2). A client
 * with one audience need not ask; with several it must, because a token for all of them is a token too good to steal.
 * @throws SegnoError `invalid_target`
 */
export function audiencesFor(service: ServiceClient, asked: readonly string[]): string | readonly string[] {
  const wanted = [...new Set(asked)];
  const [only] = service.audiences;
  if (wanted.length === 0 && service.audiences.length === 1 && only !== undefined) return only;
  if (wanted.length === 0 || !wanted.every((audience) => service.audiences.includes(audience)))
    throw new SegnoError("invalid_target");
  return wanted.length === 1 && wanted[0] !== undefined ? wanted[0] : wanted;
}

/**
 * A refresh may name the audience its family has, and no other. Looked at before the token is spent: asking for too much
 * signs nobody out.
 * @throws SegnoError `invalid_target`
 */
export async function requireFamilyAudience(
  engine: Engine,
  refreshToken: string,
  asked: readonly string[],
): Promise<void> {
  if (asked.length === 0) return;
  const parsed = parseRefreshToken(engine.secrets, refreshToken);
  const found = parsed && (await findFamily(engine.store.db, parsed.familyId, engine.clock.nowMs()));
  // a token that is not good gets its own answer later on
  if (found !== undefined && !asked.every((audience) => audience === found.family.audience))
    throw new SegnoError("invalid_target");
}
