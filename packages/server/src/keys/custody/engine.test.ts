import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KMS } from "@aws-sdk/client-kms";
import { createTestSegno } from "@segno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { liveWith } from "../../../test/custody-flow.js";
import {
  asVaultRoot,
  prepareVault,
  realKmsUrl,
  realVault,
  skippedPeer,
  vaultToken,
} from "../../../test/custody-peers.js";
import { awsKmsRemote } from "./aws-kms-remote.js";
import { awsKmsWrapped } from "./aws-kms-wrapped.js";
import { createAzureKeyVaultDouble } from "./azure-key-vault.double.js";
import { azureKeyVaultRemote } from "./azure-key-vault-remote.js";
import { azureKeyVaultWrapped } from "./azure-key-vault-wrapped.js";
import { createGoogleKmsDouble } from "./google-kms.double.js";
import { googleKmsRemote } from "./google-kms-remote.js";
import { googleKmsWrapped } from "./google-kms-wrapped.js";
import { vaultRemote } from "./vault-remote.js";
import { vaultWrapped } from "./vault-wrapped.js";

const keyRing = "projects/shop/locations/europe-west3/keyRings/segno";

describe("R088: an engine signs in, refreshes and rotates with its keys in", () => {
  it("Google KMS (double)", async () => {
    const client = createGoogleKmsDouble();
    await liveWith(googleKmsWrapped({ client, keyName: `${keyRing}/cryptoKeys/wrap` }));
    await liveWith(googleKmsRemote({ client, keyRing }));
  });

  it("Azure Key Vault (double)", async () => {
    const client = createAzureKeyVaultDouble("segno");
    await liveWith(azureKeyVaultWrapped({ client, keyName: "segno" }));
    await liveWith(azureKeyVaultRemote({ client }));
  });

  describe.skipIf(realKmsUrl === undefined)(`AWS KMS, by moto (${realKmsUrl ? "started" : skippedPeer})`, () => {
    const client = new KMS({
      region: "eu-central-1",
      endpoint: realKmsUrl ?? "http://127.0.0.1:1",
      credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret" },
    });
    it("wrapped", async () => {
      const { KeyMetadata } = await client.createKey({});
      await liveWith(awsKmsWrapped({ client, keyId: KeyMetadata?.Arn ?? "" }));
    });
    it("remote", () => liveWith(awsKmsRemote({ client })));
  });

  describe.skipIf(realVault === undefined)(`Vault, a real server (${realVault ? "started" : skippedPeer})`, () => {
    const address = realVault?.address ?? "";
    let at: Awaited<ReturnType<typeof prepareVault>>;
    const tokens = { wrapped: "", remote: "" };
    beforeAll(async () => {
      at = await prepareVault();
      tokens.wrapped = await vaultToken(at.wrapped);
      tokens.remote = await vaultToken(at.remote);
    });
    afterAll(async () => {
      await asVaultRoot("DELETE", `sys/mounts/${at.mount}`);
    });
    const login = (mode: "wrapped" | "remote") => ({ method: "token", token: tokens[mode] }) as const;

    it("wrapped", () => liveWith(vaultWrapped({ address, mount: at.mount, login: login("wrapped") })));
    it("remote", () => liveWith(vaultRemote({ address, mount: at.mount, login: login("remote") })));
    it("R110: sealed at the start: no tokens, no key elsewhere; opened later: it goes on by itself", async () => {
      await asVaultRoot("POST", "sys/seal");
      let isSealed = true;
      const open = async (): Promise<unknown> =>
        isSealed && (await asVaultRoot("POST", "sys/unseal", { key: realVault?.unsealKey }));
      try {
        const test = await createTestSegno({
          keys: { custody: vaultWrapped({ address, mount: at.mount, login: login("wrapped") }) },
        });
        const { tokens } = await test.signInAs("ada@example.com");
        await expect(tokens()).rejects.toThrow(/503.*key_unavailable/);
        expect((await test.segno.api.keys.status()).keys).toEqual([]);
        await open();
        isSealed = false;
        const next = async (): Promise<string> => {
          test.clock.advance({ seconds: 61 });
          return await tokens().then(() => "ok", String);
        };
        await expect.poll(next, { timeout: 10_000 }).toBe("ok");
        expect((await test.segno.api.keys.status()).keys.map((key) => key.custody)).toEqual([
          "vault:wrapped",
          "vault:wrapped",
        ]);
        await test.close();
      } finally {
        await open();
      }
    });
    it("remote, EdDSA", () => liveWith(vaultRemote({ address, mount: at.mount, login: login("remote") }), "EdDSA"));
  });
});

describe("R088: a custody that is down at the start", () => {
  const login = { method: "token", token: "hvs.token" } as const;

  it.each([
    ["wrapped", vaultWrapped],
    ["remote", vaultRemote],
  ] as const)("%s: people sign in, tokens are refused, and no key is made in its place", async (_mode, create) => {
    const lines: string[] = [];
    const note = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
    const logger = { debug: note, info: note, warn: note, error: note };
    const address = await nobodysAddress();
    const test = await createTestSegno({ keys: { custody: create({ address, login }) }, logger });
    const { tokens } = await test.signInAs("ada@example.com");
    for (let round = 0; round < 3; round += 1) {
      const told = String(await tokens().catch((error: unknown) => error));
      expect(told).toMatch(/503.*key_unavailable/);
      expect(told).not.toContain("hvs.token");
      test.clock.advance({ seconds: 61 });
    }
    expect((await test.segno.api.keys.status()).keys).toEqual([]);
    await test.close();
    expect(lines.join("\n")).toMatch(/custody does not answer.*"reason":"ECONNREFUSED"/);
    expect(lines.join("\n")).not.toContain("hvs.token");
  });

  /** Where somebody listened a moment ago. */
  async function nobodysAddress(): Promise<string> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return `http://127.0.0.1:${port}`;
  }
});
