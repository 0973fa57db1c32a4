export { authenticateSession, settleSessions } from "./authenticate-session.js";
export { createSession, type NewSession, type OpenedSession } from "./create-session.js";
export { deviceClassOf, deviceNameOf } from "./device-name.js";
export { presentSession, type SessionView } from "./present-session.js";
export { raiseSession } from "./raise-session.js";
export {
  revokeSession,
  revokeSessionsOfClient,
  revokeSessionsOfUser,
  revokeSessionsSignedBy,
} from "./revoke-session.js";
export { sessionCookieSeconds } from "./session-life.js";
export { forgetSession, isKnownLive, rememberLive } from "./session-watch.js";
export { isSessionTokenShaped } from "./session-token.js";
export { isSignerKnown, recordSigner } from "./signers.js";
export { findLiveSession, listLiveSessions, sweepSessions } from "./store.js";
