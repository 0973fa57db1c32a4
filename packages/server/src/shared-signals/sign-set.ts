import type { Engine } from "../engine.js";
import type { Keyrings } from "../keys/index.js";

/** Signs the claims of a security event token. @throws SegnoError `key_unavailable` */
export type SignSet = (claims: Readonly<Record<string, unknown>>) => Promise<string>;

/** The type that sets these tokens apart from all others (RFC 8417 section 2.3). */
export const setType = "secevent+jwt";

/** A token is checked when it arrives: one that waits is signed anew when it is sent. */
const checkedWithinSeconds = 3_600;

/**
 * By the keys of documents, which stand in a key set of their own: a verifier of access tokens has no key that such a token
 * was signed with. There is no `exp` (SSF 1.0 section 4.1.7), so the time it is checked in is told apart.
 */
export function createSetSigner(keyrings: Keyrings, { clock }: Pick<Engine, "clock">): SignSet {
  return async (claims) => {
    const ring = await keyrings.of("document");
    const untilSeconds = Math.floor(clock.nowMs() / 1000) + checkedWithinSeconds;
    return (await ring.sign({ typ: setType }, claims, undefined, untilSeconds)).token;
  };
}
