export type { SegnoClient } from "./create-client.js";
export { createSegnoClient } from "./create-client.js";
export type { ProofKeyStore } from "./dpop/key-store.js";
export type { SegnoClientOptions } from "./options.js";
export type { Clock, Locks, TabChannel, TokenStorage } from "./ports.js";
export { createLocalStorage, createMemoryStorage } from "./ports.js";
export { localError, parseStepUp } from "./parse-error.js";
export type { ClientError, FieldError, Result, StepUpRequirement } from "./result.js";
export { failure, success } from "./result.js";
export type {
  CodeInput,
  EmailApi,
  EmailStartInput,
  PasskeyAnswer,
  PasskeysApi,
  Routes,
  SessionsApi,
  SignUpInput,
  UserApi,
} from "./routes.js";
export type { SessionState, SessionStore } from "./session/session-store.js";
export { sessionStateOf } from "./session/session-store.js";
export type { TokenOptions } from "./tokens/token-source.js";
export type { ClientSpan } from "./trace.js";
export type {
  EmailAttempt,
  JsonObject,
  PasskeyAttempt,
  PasskeyList,
  PasskeyView,
  SessionSnapshot,
  SessionView,
  SignedIn,
  Tokens,
  UiEvent,
  User,
} from "./wire.js";
