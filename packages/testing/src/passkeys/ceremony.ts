/** The part of `PublicKeyCredentialCreationOptionsJSON` an authenticator reads. */
export interface CreationOptions {
  readonly rp: { readonly id?: string; readonly name: string };
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly challenge: string;
  readonly pubKeyCredParams: readonly { readonly type: string; readonly alg: number }[];
  readonly excludeCredentials?: readonly { readonly id: string }[];
  readonly authenticatorSelection?: { readonly userVerification?: string; readonly residentKey?: string };
  readonly extensions?: object;
}

/** The part of `PublicKeyCredentialRequestOptionsJSON` an authenticator reads. */
export interface RequestOptions {
  readonly challenge: string;
  readonly rpId?: string;
  readonly allowCredentials?: readonly { readonly id: string }[];
  readonly userVerification?: string;
}

/** What a browser sends after `navigator.credentials.create()`. A type alias, so that it also fits index signatures. */
export type RegistrationResponse = {
  id: string;
  rawId: string;
  type: "public-key";
  authenticatorAttachment: "platform";
  clientExtensionResults: { credProps?: { rk: boolean } };
  response: {
    clientDataJSON: string;
    attestationObject: string;
    authenticatorData: string;
    transports: ("internal" | "hybrid")[];
    publicKeyAlgorithm: number;
    publicKey: string;
  };
};

/** What a browser sends after `navigator.credentials.get()`. */
export type AuthenticationResponse = {
  id: string;
  rawId: string;
  type: "public-key";
  authenticatorAttachment: "platform";
  clientExtensionResults: Record<string, never>;
  response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string };
};

/**
 * Lies for one ceremony, one field each, so that a negative vector is one line. What is not named stays honest,
 * and the signature covers the altered bytes: only the altered field is wrong, never the signature by accident.
 */
export interface Tampering {
  /** `clientData.type`, for example `webauthn.get` in a registration. */
  readonly type?: string;
  /** `clientData.challenge`, base64url. */
  readonly challenge?: string;
  /** `clientData.origin`. */
  readonly origin?: string;
  readonly crossOrigin?: boolean;
  /** Adds `clientData.topOrigin`. */
  readonly topOrigin?: string;
  /** The rp id whose hash goes into the authenticator data. */
  readonly rpId?: string;
  /** Changes the flags byte: UP 0x01, UV 0x04, BE 0x08, BS 0x10, AT 0x40, ED 0x80. */
  readonly flags?: (flags: number) => number;
  /** The signature counter of this ceremony. */
  readonly counter?: number;
  /** Assertion: the user handle, base64url; `null` leaves it out. */
  readonly userHandle?: string | null;
  /** Changes the raw DER signature. */
  readonly signature?: (signature: Uint8Array) => Uint8Array;
  /** Registration: the COSE algorithm the key claims (the key itself stays ES256). */
  readonly algorithm?: number;
  /** Registration: length of the credential id in bytes (the specification allows 1023). */
  readonly credentialIdBytes?: number;
  /** The credential id the response claims, base64url. In a registration the stored id as well. */
  readonly credentialId?: string;
  /** Registration: attestation format. Default `none`. */
  readonly format?: string;
  /** Changes the authenticator data after it was built, before it is signed. */
  readonly authenticatorData?: (bytes: Uint8Array) => Uint8Array;
  /** Replaces the text of the client data. */
  readonly clientDataJson?: (text: string) => string;
}

/** The client data a browser serialises (WebAuthn L3 section 5.8.1.1), with lies applied. */
export function clientDataJson(
  honest: { type: string; challenge: string; origin: string },
  lies: Tampering,
): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify({
    type: lies.type ?? honest.type,
    challenge: lies.challenge ?? honest.challenge,
    origin: lies.origin ?? honest.origin,
    crossOrigin: lies.crossOrigin ?? false,
    ...(lies.topOrigin === undefined ? {} : { topOrigin: lies.topOrigin }),
  });
  return new TextEncoder().encode(lies.clientDataJson?.(text) ?? text);
}
