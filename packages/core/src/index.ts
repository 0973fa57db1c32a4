export {
  type AccessRequirement,
  type Authentication,
  type AuthState,
  acrSatisfies,
  assertAccess,
  scopeList,
} from "./auth-state.js";
export type { AuthenticateInput, HeaderSource, Peer, SegnoEngine } from "./engine.js";
export {
  errorCodes,
  errorInfo,
  isErrorCode,
  isSegnoError,
  type RetryWhen,
  SegnoError,
  type SegnoErrorCode,
  type SegnoErrorInfo,
  type SegnoErrorOptions,
} from "./errors.js";
export type { AccessTokenClaims } from "./tokens/claims.js";
