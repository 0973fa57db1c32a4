import { algorithms, type RegistrationResponse } from "./ceremony.js";
import { loadVerifier } from "./load-verifier.js";
import { checkClientData, type Expected, isCanonical, rejected } from "./client-data.js";

/** What is kept of a new credential. */
export interface RegisteredCredential {
  readonly credentialId: string;
  /** COSE key, base64url. */
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly aaguid: string;
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
}

/** None was asked for; browsers pass self-attestation of an authenticator without a model id through. */
const acceptedFormats: readonly string[] = ["none", "packed"];
const longestCredentialId = 1023;

/**
 * Registration, WebAuthn L3 section 7.1. User presence and verification are required.
 * Not checked: who made the authenticator (attestation is not asked for), that the credential id is new (the store's
 * unique index does).
 * @throws SegnoError `passkey_rejected`
 */
export async function verifyRegistration(
  response: RegistrationResponse,
  expected: Expected,
): Promise<RegisteredCredential> {
  checkClientData(response.response.clientDataJSON);
  if (!isCanonical(response.id) || response.id !== response.rawId) throw rejected("credential_id");
  const { verifyRegistrationResponse } = await loadVerifier();
  const result = await verifyRegistrationResponse({
    response: {
      id: response.id,
      rawId: response.rawId,
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: response.response.clientDataJSON,
        attestationObject: response.response.attestationObject,
      },
    },
    expectedChallenge: expected.challenge,
    expectedOrigin: [...expected.origins],
    expectedRPID: expected.rpId,
    expectedType: "webauthn.create",
    requireUserPresence: true,
    requireUserVerification: true,
    supportedAlgorithmIDs: [...algorithms],
  }).catch((cause: unknown) => {
    throw rejected("registration", cause);
  });
  if (!result.verified) throw rejected("attestation");
  const { credential, aaguid, credentialDeviceType, credentialBackedUp, fmt } = result.registrationInfo;
  if (!acceptedFormats.includes(fmt)) throw rejected("format");
  if (credential.id !== response.id) throw rejected("credential_id_mismatch");
  if (Buffer.from(credential.id, "base64url").length > longestCredentialId) throw rejected("credential_id_length");
  return {
    credentialId: credential.id,
    publicKey: Buffer.from(credential.publicKey).toString("base64url"),
    counter: credential.counter,
    transports: response.response.transports ?? [],
    aaguid,
    isBackupEligible: credentialDeviceType === "multiDevice",
    isBackedUp: credentialBackedUp,
  };
}
