import { createSoftwareAuthenticator, type SoftwareAuthenticatorOptions, type Tampering } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { creationOptions, requestOptions } from "./ceremony.js";
import type { PasskeyOwner } from "./store.js";
import { verifyAssertion } from "./verify-assertion.js";
import { verifyRegistration } from "./verify-registration.js";

const origin = "https://app.example.com";
const rpId = "app.example.com";
const challenge = Buffer.alloc(32, 7).toString("base64url");
const otherChallenge = Buffer.alloc(32, 8).toString("base64url");
const userHandle = Buffer.alloc(64, 9).toString("base64url");
const expected = { challenge, origins: [origin], rpId };
const party = { rpId, rpName: "Example" };
const creation = creationOptions(party, {
  challenge,
  user: { id: userHandle, name: "ada", displayName: "Ada" },
  exclude: [],
});
const request = requestOptions(party, { challenge, allow: [] });
const rejected = (reason?: string) =>
  expect.objectContaining({ code: "passkey_rejected", ...(reason === undefined ? {} : { detail: { reason } }) });

const register = async (lies: Tampering = {}, device: Partial<SoftwareAuthenticatorOptions> = {}) =>
  createSoftwareAuthenticator({ origin, ...device }).create(creation, lies);

/** A passkey as it is stored, and one assertion of it. */
async function assertWith(lies: Tampering = {}, device: Partial<SoftwareAuthenticatorOptions> = {}) {
  const authenticator = createSoftwareAuthenticator({ origin, ...device });
  const credential = await verifyRegistration(await authenticator.create(creation), expected);
  const passkey: PasskeyOwner = {
    id: "p",
    credential_id: credential.credentialId,
    user_id: "u",
    public_key: credential.publicKey,
    counter: credential.counter,
    transports: "[]",
    aaguid: credential.aaguid,
    backup_eligible: credential.isBackupEligible ? 1 : 0,
    backed_up: credential.isBackedUp ? 1 : 0,
    name: "x",
    created_at: 0,
    last_used_at: null,
    user_handle: userHandle,
    user_status: "active",
  };
  return { passkey, response: await authenticator.get(request, lies), authenticator };
}
const check = async (lies: Tampering, requiresUserHandle = true) => {
  const { passkey, response } = await assertWith(lies);
  return verifyAssertion(response, passkey, { ...expected, requiresUserHandle });
};

/** One lie per step; the same lies fit both ceremonies. */
const sharedLies: Readonly<Record<string, Tampering>> = {
  "challenge of another ceremony": { challenge: otherChallenge },
  "challenge with padding": { challenge: `${challenge}=` },
  "empty challenge": { challenge: "" },
  "origin of another host": { origin: "https://evil.example" },
  "origin of a subdomain": { origin: "https://sub.app.example.com" },
  "origin of the parent domain": { origin: "https://example.com" },
  "origin with a port": { origin: "https://app.example.com:8443" },
  "origin over http": { origin: "http://app.example.com" },
  "origin with a slash": { origin: "https://app.example.com/" },
  "origin in capitals": { origin: "https://APP.example.com" },
  "a frame of another origin": { crossOrigin: true },
  "a frame that names its top origin": { crossOrigin: true, topOrigin: "https://evil.example" },
  "a top origin without a frame": { topOrigin: origin },
  "the rp id hash of another host": { rpId: "example.com" },
  "no user present": { flags: (flags) => flags & ~0x01 },
  "user not verified": { flags: (flags) => flags & ~0x04 },
  "backed up but not eligible": { flags: (flags) => (flags & ~0x08) | 0x10 },
  "extension flag without extensions": { flags: (flags) => flags | 0x80 },
  "authenticator data cut off": { authenticatorData: (bytes) => bytes.slice(0, 36) },
  "bytes left over": { authenticatorData: (bytes) => new Uint8Array([...bytes, 0]) },
  "client data that is no JSON": { clientDataJson: () => "{" },
  "client data that is a list": { clientDataJson: () => "[]" },
  "client data that is null": { clientDataJson: () => "null" },
  "client data without a type": { clientDataJson: (text) => text.replace(/"type":"[^"]*",/, "") },
  "crossOrigin that is no flag": {
    clientDataJson: (text) => text.replace('"crossOrigin":false', '"crossOrigin":"no"'),
  },
};

describe("registration (WebAuthn L3 section 7.1)", () => {
  it("keeps what the standard says is kept", async () => {
    const response = await register({}, { signCount: 4 });
    const credential = await verifyRegistration(response, expected);
    expect(credential).toMatchObject({
      credentialId: response.id,
      counter: 4,
      isBackupEligible: true,
      isBackedUp: true,
      aaguid: "00000000-0000-0000-0000-000000000000",
      transports: ["internal", "hybrid"],
    });
  });
  it.each(Object.entries(sharedLies))("T-103: refuses %s", async (_name, lies) => {
    await expect(verifyRegistration(await register(lies), expected)).rejects.toEqual(rejected());
  });
  it.each([
    ["the type of an assertion", { type: "webauthn.get" }],
    ["an unknown type", { type: "webauthn.Create" }],
    ["no attested credential", { flags: (flags: number) => flags & ~0x40 }],
    ["an algorithm that was not offered (ES384)", { algorithm: -35 }],
    ["an unknown attestation format", { format: "made-up" }],
    ["an attestation statement missing its signature", { format: "packed" }],
    ["an attestation nobody asked for", { format: "apple" }],
    ["a credential id of 1024 bytes", { credentialIdBytes: 1024 }],
  ] as const)("T-103: refuses %s", async (_name, lies) => {
    await expect(verifyRegistration(await register(lies), expected)).rejects.toEqual(rejected());
  });
  it("T-103: accepts a credential id of 1023 bytes", async () => {
    await expect(verifyRegistration(await register({ credentialIdBytes: 1023 }), expected)).resolves.toBeDefined();
  });
  it("T-103: refuses an outer id that is not the attested one", async () => {
    const response = await register();
    const id = Buffer.alloc(32, 1).toString("base64url");
    await expect(verifyRegistration({ ...response, id, rawId: id }, expected)).rejects.toEqual(
      rejected("credential_id_mismatch"),
    );
    await expect(verifyRegistration({ ...response, rawId: id }, expected)).rejects.toEqual(rejected("credential_id"));
    const padded = { ...response, id: `${response.id}A`, rawId: `${response.id}A` };
    await expect(verifyRegistration(padded, expected)).rejects.toEqual(rejected());
  });
});

describe("assertion (WebAuthn L3 section 7.2)", () => {
  it("tells synced from device-bound passkeys", async () => {
    expect(await check({})).toMatchObject({ acr: "phr", amr: ["swk", "user", "mfa"], isCounterRegression: false });
    const { passkey, response } = await assertWith({}, { backupEligible: false });
    const verified = await verifyAssertion(response, passkey, { ...expected, requiresUserHandle: true });
    expect(verified).toMatchObject({ acr: "phrh", amr: ["hwk", "user", "mfa"], isBackedUp: false });
  });
  it.each(Object.entries(sharedLies))("T-103: refuses %s", async (_name, lies) => {
    await expect(check(lies)).rejects.toEqual(rejected());
  });
  it.each([
    ["the type of a registration", { type: "webauthn.create" }],
    ["the type of a payment", { type: "payment.get" }],
    ["another user's handle", { userHandle: Buffer.alloc(64, 1).toString("base64url") }],
    ["no user handle", { userHandle: null }],
    ["an empty user handle", { userHandle: "" }],
    [
      "a changed signature",
      { signature: (bytes: Uint8Array) => bytes.map((byte, index) => (index === 20 ? byte ^ 1 : byte)) },
    ],
    ["an empty signature", { signature: () => new Uint8Array(0) }],
    ["backup eligibility that changed", { flags: (flags: number) => flags & ~0x18 }],
    ["another credential's id", { credentialId: Buffer.alloc(32, 1).toString("base64url") }],
  ] as const)("T-103: refuses %s", async (_name, lies) => {
    await expect(check(lies)).rejects.toEqual(rejected());
  });
  it("T-103: with an allow list the user handle may be missing, but not be another's", async () => {
    await expect(check({ userHandle: null }, false)).resolves.toBeDefined();
    await expect(check({ userHandle: Buffer.alloc(64, 1).toString("base64url") }, false)).rejects.toEqual(
      rejected("user_handle"),
    );
  });
  it("T-103: refuses eligibility gained after registration", async () => {
    const lies: Tampering = { flags: (flags) => flags | 0x08 };
    const { passkey, response } = await assertWith(lies, { backupEligible: false });
    const verify = verifyAssertion(response, passkey, { ...expected, requiresUserHandle: true });
    await expect(verify).rejects.toEqual(rejected("backup_eligibility"));
  });
  it.each([
    [5, 4, true],
    [5, 5, true],
    [5, 6, false],
    [0, 0, false],
    [5, 0, true],
    [0, 1, false],
    [4294967294, 4294967295, false],
  ])("T-103: stored counter %i, seen %i: regression %s", async (stored, seen, isRegression) => {
    const { passkey, response } = await assertWith({ counter: seen });
    const verified = await verifyAssertion(
      response,
      { ...passkey, counter: stored },
      { ...expected, requiresUserHandle: true },
    );
    expect(verified.isCounterRegression).toBe(isRegression);
  });
  it("T-103: a forged signature raises no counter alarm", async () => {
    const { passkey, response } = await assertWith({
      counter: 1,
      signature: () => new Uint8Array([48, 6, 2, 1, 1, 2, 1, 1]),
    });
    const verify = verifyAssertion(response, { ...passkey, counter: 9 }, { ...expected, requiresUserHandle: true });
    await expect(verify).rejects.toEqual(rejected());
  });
  it("T-103: unsolicited members and extension results do not break a good response", async () => {
    const { passkey, response } = await assertWith({
      clientDataJson: (text) => text.replace("{", '{"other_keys_can_be_added_here":"x",'),
    });
    const more = { ...response, clientExtensionResults: { prf: {} }, surprise: 1 };
    await expect(verifyAssertion(more, passkey, { ...expected, requiresUserHandle: true })).resolves.toBeDefined();
  });
});
