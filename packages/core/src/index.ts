export {
  type AccessRequirement,
  type Authentication,
  type AuthenticationOf,
  type AuthState,
  acrSatisfies,
  assertAccess,
  type ServiceAuthentication,
  scopeList,
} from "./auth-state.js";
export { decodeBase64Url, encodeBase64Url } from "./base64url.js";
export { type Clock, systemClock } from "./clock.js";
export { createDpopProof, type DpopProofInput } from "./dpop/create-dpop-proof.js";
export { type CryptoKeyLike, type DpopKeyPair, generateDpopKeyPair, jwkThumbprint } from "./dpop/key.js";
export {
  type DpopProofUse,
  type DpopVerification,
  type VerifiedDpopProof,
  verifyDpopProof,
} from "./dpop/verify-dpop-proof.js";
export type {
  AuthenticateInput,
  HeaderSource,
  Peer,
  PeerCertificate,
  PlainRequest,
  PlainResponse,
  SegnoEngine,
} from "./engine.js";
export {
  errorCodes,
  isSegnoError,
  type RetryWhen,
  SegnoError,
  type SegnoErrorCode,
  type SegnoErrorInfo,
  type SegnoErrorOptions,
} from "./errors.js";
export { type ChallengeInput, challengeHeader } from "./http/challenge.js";
export { type Problem, type ProblemField, toProblem } from "./http/problem.js";
export {
  type ActiveToken,
  createIntrospection,
  type Introspection,
  type IntrospectionOptions,
} from "./introspection/create-introspection.js";
export { createStatusList } from "./status-list/create-status-list.js";
export type { StatusList, StatusListOptions, StatusListPoll, StatusListState } from "./status-list/status-list.js";
export {
  type AttemptPurpose,
  type DeviceClass,
  type EventActor,
  eventSchemaVersions,
  type SegnoEvent,
  type SegnoEventData,
  type SegnoEventMap,
  type SegnoEventType,
  type SignInMethod,
  type UiSurface,
} from "./telemetry/events.js";
export { type FailureClass, failureClassOf } from "./telemetry/failure-class.js";
export {
  type CommittedEvent,
  type NoteAttributes,
  type OperationContext,
  type OperationEnd,
  type TelemetryFigure,
  type TelemetryHook,
  type TelemetryScope,
  type TelemetryValue,
  withTelemetry,
} from "./telemetry/hook.js";
export { findPersonal, type Personal, personal, revealPersonal } from "./telemetry/personal.js";
export { toOtelAttributes } from "./telemetry/to-otel.js";
export type { SigningAlgorithm } from "./tokens/algorithms.js";
export { authStateOf } from "./tokens/auth-state-of.js";
export { checkCertificateBinding, parseCertificateHeader } from "./tokens/certificate-binding.js";
export type {
  AccessTokenClaims,
  ActorClaim,
  ClaimsOf,
  Confirmation,
  ServiceTokenClaims,
  TokenCaller,
} from "./tokens/claims.js";
export type { KeySetFetch, KeySetResponse } from "./tokens/fetch-text.js";
export type { JwkSet, PublicJwk } from "./tokens/jwk.js";
export type { KeyQuery, KeySet, VerificationKey } from "./tokens/key-set.js";
export { createLocalKeySet } from "./tokens/local-key-set.js";
export { createRemoteKeySet, type RemoteKeySetOptions } from "./tokens/remote-key-set.js";
export type { TokenMatch } from "./tokens/token-cache.js";
export {
  type AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
  type SignedBy,
} from "./tokens/verify-access-token.js";
export {
  readSecurityEventIssuer,
  type SecurityEvent,
  type SecurityEventVerification,
  verifySecurityEvent,
} from "./tokens/verify-security-event.js";
export {
  type ClientAssertionUse,
  type ClientAssertionVerification,
  readClientAssertion,
  verifyClientAssertion,
} from "./tokens/verify-client-assertion.js";
