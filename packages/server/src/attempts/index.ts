export { browserHashOf } from "./browser-hash.js";
export {
  type CompletedSignIn,
  type CompleteSignIn,
  completeSignIn,
  deliverSession,
  type SignedIn,
  type SignInMode,
} from "./complete-sign-in.js";
export { type CompleteStepUp, completeStepUp, deliverStepUp, stepUpMode } from "./complete-step-up.js";
export { type AttemptKey, consumeAttempt, countTry, maxTries } from "./consume-attempt.js";
export { deviceIdOf, knownBrowserOf, rememberBrowser } from "./known-browser.js";
export { hashSecret } from "./hash.js";
export { tokenBinding } from "./token-binding.js";
export { requireOwnAttempt } from "./require-own-attempt.js";
export { tellRefused, tellSummedUp } from "./tell-refused.js";
export { isRefusal, type Refusal, refusalError, runSignIn, type SignInRun } from "./run-sign-in.js";
export { tellAbandoned } from "./tell-abandoned.js";
export { attemptData, attemptSeconds, type StartAttempt, startAttempt } from "./start-attempt.js";
export {
  type AttemptKind,
  type AttemptRow,
  countEndedAttempts,
  selectAttemptByLink as readAttemptByLink,
} from "./store.js";
