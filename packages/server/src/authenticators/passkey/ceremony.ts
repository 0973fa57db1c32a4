import * as v from "valibot";

/** COSE algorithms offered and accepted: ES256, EdDSA, RS256, in this order. */
export const algorithms: readonly number[] = [-7, -8, -257];
/** How long a browser may take, milliseconds; the attempt lives longer. */
const timeoutMs = 300_000;

const base64Url = (maxLength: number) => v.pipe(v.string(), v.maxLength(maxLength), v.regex(/^[A-Za-z0-9_-]+$/));
/** 1023 bytes (WebAuthn L3 7.1 step 25) are 1364 characters. */
const credentialId = base64Url(1364);
const clientDataJSON = base64Url(8192);

/** What we read of a `RegistrationResponseJSON`. */
export interface RegistrationResponse {
  id: string;
  rawId: string;
  type: "public-key";
  response: { clientDataJSON: string; attestationObject: string; transports?: string[] | undefined };
}
/** What we read of an `AuthenticationResponseJSON`. */
export interface AssertionResponse {
  id: string;
  rawId: string;
  type: "public-key";
  response: {
    clientDataJSON: string;
    authenticatorData: string;
    signature: string;
    userHandle?: string | null | undefined;
  };
}

/** `RegistrationResponseJSON`. Members we do not read may be there: browsers add some. */
export const registrationSchema: v.GenericSchema<unknown, RegistrationResponse> = v.looseObject({
  id: credentialId,
  rawId: credentialId,
  type: v.literal("public-key"),
  response: v.looseObject({
    clientDataJSON,
    attestationObject: base64Url(40_000),
    transports: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(32), v.regex(/^[a-z-]+$/))), v.maxLength(10))),
  }),
});
/** `AuthenticationResponseJSON`. */
export const assertionSchema: v.GenericSchema<unknown, AssertionResponse> = v.looseObject({
  id: credentialId,
  rawId: credentialId,
  type: v.literal("public-key"),
  response: v.looseObject({
    clientDataJSON,
    authenticatorData: base64Url(8192),
    signature: base64Url(2048),
    userHandle: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(88), v.regex(/^[A-Za-z0-9_-]*$/)))),
  }),
});

interface Descriptor {
  readonly id: string;
  readonly type: "public-key";
  readonly transports: readonly string[];
}
/** `PublicKeyCredentialCreationOptionsJSON` as we send it. */
export interface CreationOptions {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly challenge: string;
  readonly pubKeyCredParams: readonly { readonly type: "public-key"; readonly alg: number }[];
  readonly timeout: number;
  readonly attestation: "none";
  readonly excludeCredentials: readonly Descriptor[];
  readonly authenticatorSelection: {
    readonly residentKey: "required";
    readonly requireResidentKey: true;
    readonly userVerification: "required";
  };
  readonly extensions: { readonly credProps: true };
}
/** `PublicKeyCredentialRequestOptionsJSON` as we send it. */
export interface RequestOptions {
  readonly challenge: string;
  readonly rpId: string;
  readonly timeout: number;
  readonly userVerification: "required";
  readonly allowCredentials: readonly Descriptor[];
}

interface Party {
  readonly rpId: string;
  readonly rpName: string;
}

/** Options for a discoverable credential with user verification and no attestation. */
export function creationOptions(
  party: Party,
  input: {
    readonly challenge: string;
    readonly user: CreationOptions["user"];
    readonly exclude: readonly { readonly credential_id: string; readonly transports: string }[];
  },
): CreationOptions {
  return {
    rp: { id: party.rpId, name: party.rpName },
    user: input.user,
    challenge: input.challenge,
    pubKeyCredParams: algorithms.map((alg) => ({ type: "public-key", alg })),
    timeout: timeoutMs,
    attestation: "none",
    excludeCredentials: input.exclude.map(descriptor),
    authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
    extensions: { credProps: true },
  };
}

/** Options for an assertion; an empty list means: any discoverable credential, also by autofill. */
export function requestOptions(
  party: Party,
  input: {
    readonly challenge: string;
    readonly allow: readonly { readonly credential_id: string; readonly transports: string }[];
  },
): RequestOptions {
  return {
    challenge: input.challenge,
    rpId: party.rpId,
    timeout: timeoutMs,
    userVerification: "required",
    allowCredentials: input.allow.map(descriptor),
  };
}

function descriptor(row: { readonly credential_id: string; readonly transports: string }): Descriptor {
  return { id: row.credential_id, type: "public-key", transports: JSON.parse(row.transports) as string[] };
}
