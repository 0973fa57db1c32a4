import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { describe, expect, it } from "vitest";
import { createSeededRandom } from "../seeded-random.js";
import type { Tampering } from "./ceremony.js";
import { createSoftwareAuthenticator, type SoftwareAuthenticatorOptions } from "./software-authenticator.js";

const origin = "https://app.example.com";
const rpID = "app.example.com";
const device = (options: Partial<SoftwareAuthenticatorOptions> = {}) =>
  createSoftwareAuthenticator({ origin, ...options });

const creationOptions = () =>
  generateRegistrationOptions({ rpName: "Example", rpID, userName: "ada", attestationType: "none" });
const requestOptions = () => generateAuthenticationOptions({ rpID, userVerification: "required" });

async function enrol(authenticator = device(), lies: Tampering = {}) {
  const options = await creationOptions();
  const response = await authenticator.create(options, lies);
  const verification = await verifyRegistrationResponse({
    response,
    expectedChallenge: options.challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
  });
  if (!verification.verified) throw new Error("not verified");
  return { authenticator, options, response, info: verification.registrationInfo };
}

async function assertWith(enrolled: Awaited<ReturnType<typeof enrol>>, lies: Tampering = {}) {
  const options = await requestOptions();
  const response = await enrolled.authenticator.get(options, lies);
  const verification = await verifyAuthenticationResponse({
    response,
    expectedChallenge: options.challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
    credential: enrolled.info.credential,
  });
  if (!verification.verified) throw new Error("not verified");
  return { response, info: verification.authenticationInfo };
}

describe("an honest ceremony is verified by @simplewebauthn/server", () => {
  it("registers a synced, user-verifying, discoverable credential", async () => {
    const { info, options, response } = await enrol();
    expect(info).toMatchObject({
      credentialDeviceType: "multiDevice",
      credentialBackedUp: true,
      userVerified: true,
      fmt: "none",
      credential: { counter: 0 },
    });
    expect(response.clientExtensionResults).toEqual({ credProps: { rk: true } });
    expect(info.credential.id).toBe(response.id);
    expect(options.user.id).not.toBe("");
  });

  it("asserts with the user handle of the registration", async () => {
    const enrolled = await enrol();
    const { response, info } = await assertWith(enrolled);
    expect(response.response.userHandle).toBe(enrolled.options.user.id);
    expect(info.newCounter).toBe(0);
  });

  it("registers a device-bound credential with a counter that grows", async () => {
    const enrolled = await enrol(device({ backupEligible: false, signCount: 41 }));
    expect(enrolled.info).toMatchObject({
      credentialDeviceType: "singleDevice",
      credentialBackedUp: false,
      credential: { counter: 41 },
    });
    expect((await assertWith(enrolled)).info.newCounter).toBe(42);
    expect((await assertWith(enrolled)).info.newCounter).toBe(43);
  });
});

describe("each lie breaks exactly the check it names", () => {
  it.each<[string, Tampering, RegExp]>([
    ["type", { type: "webauthn.get" }, /response type/],
    ["challenge", { challenge: "AAAA" }, /response challenge/],
    ["origin", { origin: "https://evil.example" }, /response origin/],
    ["rp id hash", { rpId: "evil.example" }, /RP ID/],
    ["user present", { flags: (flags) => flags & ~0x01 }, /[Uu]ser.*present/],
    ["user verified", { flags: (flags) => flags & ~0x04 }, /[Uu]ser verification/],
    ["backed up but not eligible", { flags: (flags) => flags & ~0x08 }, /ackup|backed up/],
    ["algorithm", { algorithm: -65_535 }, /alg/],
    ["attestation format", { format: "invented" }, /[Ff]ormat/],
    ["client data that is no JSON", { clientDataJson: () => "{" }, /JSON/],
    ["truncated authenticator data", { authenticatorData: (bytes) => bytes.subarray(0, 36) }, /36 bytes/],
  ])("T-103: registration: %s", async (_name, lies, message) => {
    await expect(enrol(device(), lies)).rejects.toThrow(message);
  });

  it.each<[string, Tampering, RegExp]>([
    ["type", { type: "webauthn.create" }, /response type/],
    ["challenge", { challenge: "AAAA" }, /response challenge/],
    ["origin", { origin: "https://evil.example" }, /response origin/],
    ["rp id hash", { rpId: "evil.example" }, /RP ID/],
    ["user present", { flags: (flags) => flags & ~0x01 }, /present/],
    ["user verified", { flags: (flags) => flags & ~0x04 }, /[Uu]ser verification/],
    ["credential id", { credentialId: "AAAA" }, /not verified/],
    [
      "signature",
      { signature: (bytes) => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)) },
      /not verified/,
    ],
  ])("T-103: assertion: %s", async (name, lies, message) => {
    const enrolled = await enrol();
    const attempt = assertWith(enrolled, lies);
    // The library leaves the look-up of the credential id to the caller.
    if (name === "credential id") await expect(attempt.then(({ response }) => response.id)).resolves.toBe("AAAA");
    else await expect(attempt).rejects.toThrow(message);
  });

  it("T-103: a counter that fell behind", async () => {
    const enrolled = await enrol(device({ signCount: 10 }));
    await expect(assertWith(enrolled, { counter: 5 })).rejects.toThrow(/counter/);
  });

  it("T-103: what the caller must check itself travels as told", async () => {
    const enrolled = await enrol(device(), { credentialIdBytes: 1024 });
    expect(Buffer.from(enrolled.response.id, "base64url")).toHaveLength(1024);
    expect((await assertWith(enrolled, { userHandle: null })).response.response.userHandle).toBeUndefined();
    const { response } = await assertWith(enrolled, { crossOrigin: true });
    expect(JSON.parse(Buffer.from(response.response.clientDataJSON, "base64url").toString())).toMatchObject({
      crossOrigin: true,
    });
  });

  it("T-103: a page framed by another origin", async () => {
    const enrolled = await enrol();
    const lies = { crossOrigin: true, topOrigin: "https://top.example" };
    await expect(assertWith(enrolled, lies)).rejects.toThrow(/top origin/);
  });
});

describe("it refuses as a browser does", () => {
  it("an account it already holds", async () => {
    const { authenticator, response, options } = await enrol();
    const again = { ...options, excludeCredentials: [{ id: response.id }] };
    await expect(authenticator.create(again)).rejects.toMatchObject({ name: "InvalidStateError" });
  });

  it("a relying party that is not the page's", async () => {
    await expect(device().get({ challenge: "AAAA", rpId: "other.example" })).rejects.toMatchObject({
      name: "SecurityError",
    });
    await expect(device().get({ challenge: "AAAA", rpId: "pp.example.com" })).rejects.toMatchObject({
      name: "SecurityError",
    });
  });

  it("a request it has no credential for, or whose credential was forgotten", async () => {
    const { authenticator, response } = await enrol();
    const other = { challenge: "AAAA", allowCredentials: [{ id: "AAAA" }] };
    await expect(authenticator.get(other)).rejects.toMatchObject({ name: "NotAllowedError" });
    authenticator.forget(response.id);
    await expect(authenticator.get({ challenge: "AAAA" })).rejects.toMatchObject({ name: "NotAllowedError" });
  });

  it("verification when it has none, and algorithms it has not", async () => {
    const plain = device({ userVerified: false });
    await expect(plain.get({ challenge: "AAAA", userVerification: "required" })).rejects.toMatchObject({
      name: "NotAllowedError",
    });
    const options = await creationOptions();
    const rsaOnly = { ...options, pubKeyCredParams: [{ type: "public-key", alg: -257 }] };
    await expect(device().create(rsaOnly)).rejects.toMatchObject({ name: "NotSupportedError" });
  });
});

it("repeats keys and credential ids under one seed, and differs under another", async () => {
  const options = await creationOptions();
  const make = async (seed: string) =>
    (await device({ random: createSeededRandom(seed) }).create(options)).response.attestationObject;
  expect(await make("a")).toBe(await make("a"));
  expect(await make("a")).not.toBe(await make("b"));
});
