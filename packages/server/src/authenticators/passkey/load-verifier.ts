import type * as webauthn from "@simplewebauthn/server";

let loaded: Promise<typeof webauthn> | undefined;

/**
 * The WebAuthn library, loaded at the first ceremony: an engine without passkeys never pays for it. Await it before a
 * transaction begins, so that none stays open while a module loads.
 */
export function loadVerifier(): Promise<typeof webauthn> {
  loaded ??= import("@simplewebauthn/server");
  return loaded;
}
