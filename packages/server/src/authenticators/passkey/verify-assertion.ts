import type { AssertionResponse } from "./ceremony.js";
import { loadVerifier } from "./load-verifier.js";
import { checkClientData, type Expected, isCanonical, rejected } from "./client-data.js";
import type { PasskeyOwner } from "./store.js";

/** A signature that holds, with what it says about the authenticator. */
export interface VerifiedAssertion {
  readonly counter: number;
  readonly isBackedUp: boolean;
  readonly acr: "phr" | "phrh";
  readonly amr: readonly string[];
  /** The counter did not grow: the private key may exist twice (L3 7.2 step 22). */
  readonly isCounterRegression: boolean;
}

export interface AssertionExpectation extends Expected {
  /** Without an allow list the response must say whose credential it is. */
  readonly requiresUserHandle: boolean;
}

/**
 * Assertion, WebAuthn L3 section 7.2. User presence and verification are required.
 * The counter is judged after the signature, so that only the authenticator's own word raises an alarm.
 * Not checked: that the passkey belongs to the caller (step-up does), that the account may sign in.
 * @throws SegnoError `passkey_rejected`
 */
export async function verifyAssertion(
  response: AssertionResponse,
  passkey: PasskeyOwner,
  expected: AssertionExpectation,
): Promise<VerifiedAssertion> {
  checkClientData(response.response.clientDataJSON);
  if (!isCanonical(response.id) || response.id !== response.rawId) throw rejected("credential_id");
  if (response.id !== passkey.credential_id) throw rejected("credential_id_mismatch");
  checkUserHandle(response.response.userHandle, passkey.user_handle, expected.requiresUserHandle);
  const { verifyAuthenticationResponse } = await loadVerifier();
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: {
      id: response.id,
      rawId: response.rawId,
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: response.response.clientDataJSON,
        authenticatorData: response.response.authenticatorData,
        signature: response.response.signature,
      },
    },
    expectedChallenge: expected.challenge,
    expectedOrigin: [...expected.origins],
    expectedRPID: expected.rpId,
    expectedType: "webauthn.get",
    requireUserVerification: true,
    // 0: the library would judge the counter before the signature
    credential: {
      id: passkey.credential_id,
      publicKey: new Uint8Array(Buffer.from(passkey.public_key, "base64url")),
      counter: 0,
    },
  }).catch((cause: unknown) => {
    throw rejected("assertion", cause);
  });
  if (!verified) throw rejected("signature");
  const isMultiDevice = authenticationInfo.credentialDeviceType === "multiDevice";
  if (isMultiDevice !== (passkey.backup_eligible === 1)) throw rejected("backup_eligibility");
  const counter = authenticationInfo.newCounter;
  return {
    counter,
    isBackedUp: authenticationInfo.credentialBackedUp,
    ...assuranceOf(isMultiDevice),
    isCounterRegression: (counter > 0 || passkey.counter > 0) && counter <= passkey.counter,
  };
}

/** What a passkey with user verification is worth: device-bound keys count for more than synced ones. */
export function assuranceOf(isMultiDevice: boolean): { acr: "phr" | "phrh"; amr: readonly string[] } {
  return isMultiDevice ? { acr: "phr", amr: ["swk", "user", "mfa"] } : { acr: "phrh", amr: ["hwk", "user", "mfa"] };
}

function checkUserHandle(given: string | null | undefined, own: string, isRequired: boolean): void {
  if (given === undefined || given === null || given === "") {
    if (isRequired) throw rejected("user_handle_missing");
    return;
  }
  if (given !== own) throw rejected("user_handle");
}
