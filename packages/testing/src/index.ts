export { createMailCapture, type CapturedMail, type MailCapture } from "./mail-capture.js";
export type { CookieJar } from "./browser/cookie-jar.js";
export {
  openBrowser,
  type TestAnswer,
  type TestBrowser,
  type TestBrowserOptions,
  type TestSite,
} from "./browser/test-browser.js";
export type {
  AuthenticationResponse,
  CreationOptions,
  RegistrationResponse,
  RequestOptions,
  Tampering,
} from "./passkeys/ceremony.js";
export {
  createSoftwareAuthenticator,
  type SoftwareAuthenticator,
  type SoftwareAuthenticatorOptions,
  type SoftwareCredential,
} from "./passkeys/software-authenticator.js";
export { createSeededRandom, type SeededRandom } from "./seeded-random.js";
export { type ClockStep, createVirtualClock, type VirtualClock } from "./virtual-clock.js";
