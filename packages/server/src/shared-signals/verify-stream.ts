import type { Engine } from "../engine.js";
import { audienceOf } from "./claims-of.js";
import { verificationSeconds } from "./describe.js";
import type { RunningSignals } from "./open.js";
import type { SignalStream } from "./options.js";
import { replaceVerification } from "./store.js";
import { verificationUri } from "./signal-types.js";

/** How long the receiver may take, whatever its stream allows otherwise: somebody waits for the answer. */
const withinMs = 10_000;
const rule = { name: "ssf.verify", limit: 1, windowSeconds: verificationSeconds } as const;

/**
 * Sends a verification event to the receiver that asked for one (SSF 1.0 section 8.1.4): by push once, at once, and a
 * failure stands in the log; by poll it is the next to be fetched. It is about the stream itself.
 * @param state what the receiver wants to see again
 * @throws SegnoError `rate_limited`, `key_unavailable`
 */
export async function verifyStream(
  engine: Engine,
  running: RunningSignals,
  { id, audience }: SignalStream,
  state: string | undefined,
): Promise<void> {
  await engine.limiter.take(rule, id);
  const push = running.pushTo(id);
  const claims = {
    iss: engine.config.issuer,
    jti: `${engine.newId()}.${id}`,
    iat: Math.floor(engine.clock.nowMs() / 1000),
    aud: audienceOf(audience),
    sub_id: { format: "opaque", id },
    events: { [verificationUri]: state === undefined ? {} : { state } },
  };
  if (push === undefined) {
    const waiting = { stream: id, jti: claims.jti, position: 0, claims: JSON.stringify(claims) };
    await replaceVerification(engine.store.db, waiting);
    return;
  }
  const token = await running.sign(claims);
  try {
    const refusal = await push.send(token, AbortSignal.timeout(withinMs));
    if (refusal !== undefined) engine.log.warn("A receiver refused its verification.", { stream: id, reason: refusal });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown";
    engine.log.warn("A receiver was away for its verification.", { stream: id, reason: String(code) });
  }
}
