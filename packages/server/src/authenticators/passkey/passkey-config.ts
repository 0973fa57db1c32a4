import { SegnoError } from "@segno/core";
import type { ResolvedConfig } from "../../config.js";
import type { Engine } from "../../engine.js";
import type { Expected } from "./client-data.js";

/** The relying party. @throws SegnoError `not_found` when passkeys are switched off */
export function relyingParty(engine: Pick<Engine, "config">): NonNullable<ResolvedConfig["signIn"]["passkey"]> {
  const { passkey } = engine.config.signIn;
  if (passkey === undefined) throw new SegnoError("not_found");
  return passkey;
}

/** What a response to this attempt's challenge must name. */
export function expectationOf(
  engine: Pick<Engine, "config">,
  attempt: { readonly challenge: string | null },
): Expected {
  const { rpId, origins } = relyingParty(engine);
  if (attempt.challenge === null) throw new SegnoError("attempt_unknown");
  return { challenge: attempt.challenge, origins, rpId };
}

/** 32 random bytes, base64url. */
export function newChallenge(engine: Pick<Engine, "random">): string {
  return Buffer.from(engine.random.bytes(32)).toString("base64url");
}
