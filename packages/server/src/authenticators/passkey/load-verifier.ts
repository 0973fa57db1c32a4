/**
 * The WebAuthn library, loaded at the first ceremony: an engine without passkeys never pays for it. Await it before a
 * transaction begins, so that none stays open while a module loads.
 */
export function loadVerifier(): Promise<typeof import("@simplewebauthn/server")> {
  return import("@simplewebauthn/server");
}
