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
