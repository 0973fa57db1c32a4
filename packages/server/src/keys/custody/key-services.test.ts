import { custodyContract } from "@segno/testing";
import fc from "fast-check";
import { compactVerify, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { signDigest, toDer } from "../../../test/ecdsa-over-digest.js";
import { systemRandom } from "../../runtime.js";
import { createSecrets } from "../../secrets.js";
import { createLocalCustody } from "../local-custody.js";
import { signatureFromDer } from "./answers.js";
import { createAzureKeyVaultDouble } from "./azure-key-vault.double.js";
import type { AzureKeyClient } from "./azure-key-vault.js";
import { azureKeyVaultRemote } from "./azure-key-vault-remote.js";
import { azureKeyVaultWrapped } from "./azure-key-vault-wrapped.js";
import { createGoogleKmsDouble } from "./google-kms.double.js";
import type { GoogleKmsClient } from "./google-kms.js";
import { googleKmsRemote } from "./google-kms-remote.js";
import { googleKmsWrapped } from "./google-kms-wrapped.js";

const localSecret = "1a2b3c4d-local-secret-of-the-test-5e6f";
const keyRing = "projects/shop/locations/europe-west3/keyRings/segno";
const keyName = `${keyRing}/cryptoKeys/wrap`;
const context = { purpose: "access_token", kid: "kid-1" } as const;
const made = { purpose: "access_token", algorithm: "ES256" } as const;
const key = new TextEncoder().encode("a private key");
const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const refused = { code: "key_unavailable" };
const verify = async (jws: string, jwk: Readonly<Record<string, string>>) =>
  await compactVerify(jws, await importJWK(jwk, jwk["kty"] === "EC" ? "ES256" : "EdDSA"));

custodyContract(
  {
    name: "local",
    create: async () => createLocalCustody(createSecrets([{ version: 1, value: localSecret }], systemRandom)),
    isInProcess: true,
    secrets: [localSecret],
  },
  { describe, it },
);
custodyContract(
  {
    name: "Google KMS, wrapped (double)",
    create: async () => googleKmsWrapped({ client: createGoogleKmsDouble(), keyName }),
  },
  { describe, it },
);
custodyContract(
  {
    name: "Google KMS, remote (double that answers base64)",
    create: async () => googleKmsRemote({ client: createGoogleKmsDouble(true), keyRing, protectionLevel: "SOFTWARE" }),
    algorithms: ["ES256", "EdDSA"],
    verify,
  },
  { describe, it },
);
custodyContract(
  {
    name: "Azure Key Vault, wrapped (double)",
    create: async () => azureKeyVaultWrapped({ client: createAzureKeyVaultDouble("segno"), keyName: "segno" }),
  },
  { describe, it },
);
custodyContract(
  {
    name: "Azure Key Vault, remote (double)",
    create: async () => azureKeyVaultRemote({ client: createAzureKeyVaultDouble("segno") }),
    verify,
  },
  { describe, it },
);

describe("rewrap", () => {
  it("follows the primary version of a Google key", async () => {
    const client = createGoogleKmsDouble();
    const custody = googleKmsWrapped({ client, keyName });
    const old = await custody.wrap(key, context, soon());
    expect(await custody.rewrap?.(old, context, soon())).toBeUndefined();
    client.rotate(keyName);
    const fresh = (await custody.rewrap?.(old, context, soon())) ?? "";
    expect(fresh).toMatch(/^2\./);
    for (const each of [old, fresh]) expect(await custody.unwrap(each, context, soon())).toEqual(Buffer.from(key));
  });

  it("follows the newest version of an Azure key", async () => {
    const client = createAzureKeyVaultDouble("segno");
    const custody = azureKeyVaultWrapped({ client, keyName: "segno" });
    const old = await custody.wrap(key, context, soon());
    expect(await custody.rewrap?.(old, context, soon())).toBeUndefined();
    client.rotate("segno");
    const fresh = (await custody.rewrap?.(old, context, soon())) ?? "";
    expect(fresh.split(".")[0]).not.toBe(old.split(".")[0]);
    for (const each of [old, fresh]) expect(await custody.unwrap(each, context, soon())).toEqual(Buffer.from(key));
  });
});

describe("options", () => {
  it("refuses names that are none", () => {
    expect(() => googleKmsWrapped({ client: createGoogleKmsDouble(), keyName: keyRing })).toThrow(TypeError);
    expect(() => googleKmsRemote({ client: createGoogleKmsDouble(), keyRing: keyName })).toThrow(TypeError);
    const client = createAzureKeyVaultDouble("segno");
    expect(() => azureKeyVaultWrapped({ client, keyName: "a/b" })).toThrow(TypeError);
  });

  it("says that a service has no Ed25519", async () => {
    const azure = azureKeyVaultRemote({ client: createAzureKeyVaultDouble("segno") });
    await expect(azure.generate({ purpose: "audit", algorithm: "EdDSA" }, soon())).rejects.toMatchObject(refused);
    const google = googleKmsRemote({ client: createGoogleKmsDouble(), keyRing });
    await expect(google.generate({ purpose: "audit", algorithm: "EdDSA" }, soon())).rejects.toMatchObject(refused);
  });
});

describe("nonsense from", () => {
  it("Google is refused", async () => {
    const whole = createGoogleKmsDouble();
    const broken = (part: object): GoogleKmsClient => ({ ...whole, ...part });
    const name = `${keyName}/cryptoKeyVersions/1`;
    const encrypt = [
      [{}],
      [{ name }],
      [{ name: "x", ciphertext: key }],
      [{ name, ciphertext: "***" }],
      [{ name: 7, ciphertext: key }],
    ];
    for (const answer of encrypt) {
      const custody = googleKmsWrapped({ client: broken({ encrypt: async () => answer }), keyName });
      await expect(custody.wrap(key, context, soon())).rejects.toMatchObject(refused);
    }
    for (const answer of [[{}], [{ plaintext: null }], [{ plaintext: "" }]]) {
      const custody = googleKmsWrapped({ client: broken({ decrypt: async () => answer }), keyName });
      await expect(custody.unwrap("1.AAAA", context, soon())).rejects.toMatchObject(refused);
    }
    const { handle } = await googleKmsRemote({ client: whole, keyRing }).generate(made, soon());
    for (const answer of [
      [{}],
      [{ signature: key }],
      [{ signature: Buffer.alloc(64), name: handle }],
      [{ signature: toDer(Buffer.alloc(64, 1)), name }],
    ]) {
      const custody = googleKmsRemote({ client: broken({ asymmetricSign: async () => answer }), keyRing });
      await expect(custody.sign(key, { ...made, handle }, soon())).rejects.toMatchObject(refused);
    }
    const elsewhere = googleKmsRemote({
      client: broken({ createCryptoKey: async () => [{ name: "projects/x" }] }),
      keyRing,
    });
    await expect(elsewhere.generate(made, soon())).rejects.toMatchObject(refused);
  });

  it("Azure is refused", async () => {
    const whole = createAzureKeyVaultDouble("segno");
    const broken = (part: object): AzureKeyClient => ({ ...whole, ...part });
    const properties = { version: "a".repeat(32) };
    const coordinate = Buffer.alloc(32, 1);
    const good = { properties, key: { kty: "EC-HSM", crv: "P-256", x: coordinate, y: coordinate } };
    const making = (answer: object) =>
      azureKeyVaultRemote({ client: broken({ createEcKey: async () => answer }) }).generate(made, soon());
    expect((await making(good)).publicJwk).toMatchObject({ kty: "EC", crv: "P-256" });
    for (const wrong of [
      { properties: {} },
      { properties: { ...properties, exportable: true } },
      { key: undefined },
      { key: { kty: "RSA" } },
      { key: { ...good.key, x: Buffer.alloc(31) } },
      { key: { ...good.key, crv: "P-384" } },
    ]) {
      await expect(making({ ...good, ...wrong })).rejects.toMatchObject(refused);
    }
    const { handle } = await azureKeyVaultRemote({ client: whole }).generate(made, soon());
    for (const result of [undefined, "text", Buffer.alloc(63), toDer(Buffer.alloc(64, 1))]) {
      const client = broken({
        getCryptographyClient: () => ({ sign: async () => ({ result }), wrapKey: async () => ({ result }) }),
      });
      await expect(azureKeyVaultRemote({ client }).sign(key, { ...made, handle }, soon())).rejects.toMatchObject(
        refused,
      );
    }
    for (const version of [undefined, "", "../x", "a b"]) {
      const client = broken({ getKey: async () => ({ name: "segno", properties: { version } }) });
      const custody = azureKeyVaultWrapped({ client, keyName: "segno" });
      await expect(custody.wrap(key, context, soon())).rejects.toMatchObject(refused);
    }
  });
});

describe("a DER signature", () => {
  const number = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((byte) => byte !== 0));
  const signature = fc.tuple(number, number).map(([r, s]) => Buffer.concat([r, s]));

  it("comes out as r and s", () => {
    fc.assert(
      fc.property(signature, (raw) => {
        expect(signatureFromDer("x", toDer(raw))).toEqual(raw);
      }),
    );
  });

  it("is refused when a byte is missing, added or in the frame changed", () => {
    const frame = fc.tuple(signature, fc.nat({ max: 3 }), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(frame, ([raw, at, by]) => {
        const der = toDer(raw);
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ by;
        for (const bad of [changed, der.subarray(0, -1), der.subarray(1), Buffer.concat([der, Buffer.from([0])])]) {
          expect(() => signatureFromDer("x", bad)).toThrow(expect.objectContaining(refused));
        }
      }),
    );
  });

  it("of anything else is refused or has 64 bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          expect(signatureFromDer("x", bytes)).toHaveLength(64);
        } catch (error) {
          expect(error).toMatchObject(refused);
        }
      }),
    );
  });

  it("made by the double holds", async () => {
    const { createHash, generateKeyPairSync, verify: holds } = await import("node:crypto");
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const raw = signDigest(pair.privateKey, createHash("sha256").update(key).digest());
    expect(holds("sha256", key, { key: pair.publicKey, dsaEncoding: "ieee-p1363" }, raw)).toBe(true);
  });
});
