import type { Engine } from "../engine.js";
import type { RouteContext } from "../http/index.js";
import { checkDpopHeader } from "../tokens/index.js";
import type { SignInMode } from "./complete-sign-in.js";

/**
 * The key that tokens of a sign-in are bound to: that of the request's DPoP proof, where tokens are asked for.
 * Spends the proof, so call it once, outside a transaction.
 * @throws SegnoError `invalid_dpop_proof`: a bad proof never becomes an unbound token
 */
export async function tokenBinding(
  engine: Engine,
  context: RouteContext<unknown>,
  mode: SignInMode,
): Promise<string | undefined> {
  return mode === "token" ? checkDpopHeader(engine, context.request) : undefined;
}
