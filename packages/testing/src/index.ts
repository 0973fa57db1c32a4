export type { CookieJar } from "./browser/cookie-jar.js";
export {
  openBrowser,
  type TestAnswer,
  type TestBrowser,
  type TestBrowserOptions,
  type TestSite,
} from "./browser/test-browser.js";
export { type CustodyContractOptions, custodyContract } from "./contracts/custody-contract.js";
export type { ContractRunner } from "./contracts/runner.js";
export { type StoreContractOptions, storeContract } from "./contracts/store-contract.js";
export {
  createInMemoryClient,
  type InMemoryClient,
  type InMemoryClientOptions,
} from "./engine/create-in-memory-client.js";
export { createTestSegno, type TestSegno, type TestSegnoOptions } from "./engine/create-test-segno.js";
export type { SignedInBrowser, SignInAsOptions } from "./engine/sign-in.js";
export { createFaultProxy, type FaultProxy, type NetworkFault } from "./fault-proxy.js";
export { type CapturedMail, createMailCapture, type MailCapture } from "./mail-capture.js";
export { type MockSession, type MockSessionInput, mockSession } from "./msw/mock-session.js";
export {
  type MockSessionHandlersOptions,
  type MswHandler,
  mockSessionHandlers,
  type SegnoHandlersOptions,
  segnoHandlers,
} from "./msw/segno-handlers.js";
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
