import { KMS } from "@aws-sdk/client-kms";
import { custodyContract } from "@segno/testing";
import { compactVerify, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { realKmsUrl, skippedPeer } from "../../../test/custody-peers.js";
import type { AwsKmsClient } from "./aws-kms.js";
import { awsKmsRemote } from "./aws-kms-remote.js";
import { awsKmsWrapped } from "./aws-kms-wrapped.js";

const context = { purpose: "access_token", kid: "kid-1" } as const;
const made = { purpose: "access_token", algorithm: "ES256" } as const;
const key = new TextEncoder().encode("a private key");
const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const secret = "aws-secret-access-key";

function client(): KMS {
  return new KMS({
    region: "eu-central-1",
    endpoint: realKmsUrl ?? "http://127.0.0.1:1",
    credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: secret },
    maxAttempts: 1,
  });
}

describe.skipIf(realKmsUrl === undefined)(`AWS KMS, by moto (${realKmsUrl ? "started" : skippedPeer})`, () => {
  const newKey = async (): Promise<string> => (await client().createKey({})).KeyMetadata?.Arn ?? "";

  custodyContract(
    {
      name: "AWS KMS, wrapped",
      create: async () => awsKmsWrapped({ client: client(), keyId: await newKey() }),
      secrets: [secret],
    },
    { describe, it },
  );
  custodyContract(
    {
      name: "AWS KMS, remote",
      create: async () => awsKmsRemote({ client: client() }),
      secrets: [secret],
      verify: async (jws, jwk) => await compactVerify(jws, await importJWK(jwk, "ES256")),
    },
    { describe, it },
  );

  it("moves what an earlier key wrapped to the key of today, and opens nothing of a key that is not listed", async () => {
    const [old, fresh, foreign] = [await newKey(), await newKey(), await newKey()];
    const before = awsKmsWrapped({ client: client(), keyId: old });
    const wrapped = await before.wrap(key, context, soon());
    expect(await before.rewrap?.(wrapped, context, soon())).toBeUndefined();
    const today = awsKmsWrapped({ client: client(), keyId: fresh, previousKeyIds: [old] });
    const again = (await today.rewrap?.(wrapped, context, soon())) ?? "";
    expect(again.startsWith(`${fresh} `)).toBe(true);
    expect(Buffer.from(await today.unwrap(again, context, soon())).toString()).toBe("a private key");
    const planted = await awsKmsWrapped({ client: client(), keyId: foreign }).wrap(key, context, soon());
    await expect(today.unwrap(planted, context, soon())).rejects.toMatchObject({
      code: "key_unavailable",
      message: expect.stringContaining("not listed"),
    });
  });

  it("works with an alias", async () => {
    const aws = client();
    await aws.createAlias({ AliasName: "alias/segno", TargetKeyId: await newKey() });
    const custody = awsKmsWrapped({ client: aws, keyId: "alias/segno" });
    await custody.check(soon());
    expect(await custody.rewrap?.(await custody.wrap(key, context, soon()), context, soon())).toBeUndefined();
  });
});

describe("AWS KMS that answers nonsense", () => {
  it("is refused, whatever is missing or wrong", async () => {
    const arn = "arn:aws:kms:eu-central-1:1:key/1";
    const described = {
      KeyMetadata: {
        Arn: arn,
        Description: "Segno signing key: access_token",
        KeyUsage: "SIGN_VERIFY",
        KeyState: "Enabled",
      },
    };
    const answering = (answers: Record<string, unknown>): AwsKmsClient => {
      const method = (name: string) => async () => answers[name] ?? {};
      return Object.fromEntries(
        ["encrypt", "decrypt", "describeKey", "createKey", "getPublicKey", "sign", "scheduleKeyDeletion"].map(
          (name) => [name, method(name)],
        ),
      ) as unknown as AwsKmsClient;
    };
    const der = Buffer.from("3006020101020101", "hex");
    const signing = (Signature: unknown) =>
      awsKmsRemote({ client: answering({ describeKey: described, sign: { Signature } }) }).sign(
        key,
        { ...made, handle: arn },
        soon(),
      );
    expect(await signing(der)).toHaveLength(64);
    for (const nonsense of [undefined, "text", Buffer.alloc(64), der.subarray(0, 7), Buffer.concat([der, der])]) {
      await expect(signing(nonsense)).rejects.toMatchObject({ code: "key_unavailable" });
    }
    const remote = (answers: Record<string, unknown>) =>
      awsKmsRemote({ client: answering(answers) }).generate(made, soon());
    const p384 = Buffer.from("not a key");
    for (const answers of [{}, { createKey: described }, { createKey: described, getPublicKey: { PublicKey: p384 } }]) {
      await expect(remote(answers)).rejects.toMatchObject({ code: "key_unavailable" });
    }
    const wrapped = awsKmsWrapped({ client: answering({ describeKey: described }), keyId: arn });
    await expect(wrapped.wrap(key, context, soon())).rejects.toMatchObject({ code: "key_unavailable" });
    await expect(wrapped.unwrap(`${arn} AAAA`, context, soon())).rejects.toMatchObject({ code: "key_unavailable" });
  });

  it("T-072: tells the kind of a fault and nothing that was thrown", async () => {
    const throwing = {
      encrypt: async () => {
        throw Object.assign(new Error(`denied for ${secret}`), { name: "AccessDeniedException" });
      },
    } as unknown as AwsKmsClient;
    const error: unknown = await awsKmsWrapped({ client: throwing, keyId: "alias/segno" })
      .wrap(key, context, soon())
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "key_unavailable", message: expect.stringContaining("AccessDeniedException") });
    expect(`${String(error)}${String((error as Error).cause)}`).not.toContain(secret);
  });

  it("takes no wild number of days", () => {
    expect(() => awsKmsRemote({ client: client(), deletionDays: 1 })).toThrow(TypeError);
  });
});
