import { createPublicKey } from "node:crypto";
import { isSegnoError } from "@segno/core";
import { custodyContract } from "@segno/testing";
import { compactVerify, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { pkcs11Custody } from "./pkcs11-custody.js";

const given = process.env["SEGNO_TEST_PKCS11"];
const peer = given === undefined ? undefined : (JSON.parse(given) as { module: string; token: string; pin: string });
const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const made = { purpose: "access_token", algorithm: "ES256" } as const;
const input = new TextEncoder().encode("header.payload");

describe("options", () => {
  it("refuses what cannot be", () => {
    expect(() => pkcs11Custody({ module: "", token: "segno", pin: "1" })).toThrow(TypeError);
    expect(() => pkcs11Custody({ module: "/x.so", token: "segno", pin: "1", maxSessions: 0 })).toThrow(TypeError);
  });

  it("is loaded without the native binding, and fails closed with a reason", async () => {
    const custody = pkcs11Custody({ module: "/nowhere/library.so", token: "segno", pin: "super-secret-pin" });
    const error: unknown = await custody.check(soon()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "key_unavailable",
      detail: { reason: expect.stringMatching(/^(not_compiled|no_library)$/) },
    });
    expect(String(error)).not.toContain("super-secret-pin");
  });
});

describe.skipIf(peer === undefined)(
  `SoftHSM2 (${peer ? "started" : "skipped: started by `node scripts/custody.mjs` only"})`,
  () => {
    const options = peer ?? { module: "", token: "", pin: "" };
    custodyContract(
      {
        name: "PKCS#11 on SoftHSM2",
        create: async () => pkcs11Custody(options),
        algorithms: ["ES256", "EdDSA"],
        secrets: [options.pin],
        verify: async (jws, jwk) =>
          await compactVerify(jws, await importJWK(jwk, jwk["kty"] === "EC" ? "ES256" : "EdDSA")),
      },
      { describe, it },
    );

    it("R091: makes keys that are sensitive, not extractable and made on the token; reading or wrapping one out is refused", async () => {
      const custody = pkcs11Custody(options);
      const { handle, publicJwk } = await custody.generate(made, soon());
      expect(createPublicKey({ key: { ...publicJwk }, format: "jwk" }).asymmetricKeyType).toBe("ec");
      const facts = await lookAtPrivateKey(handle);
      expect(facts).toEqual({
        count: 1,
        sensitive: true,
        alwaysSensitive: true,
        extractable: false,
        neverExtractable: true,
        local: true,
        value: "CKR_ATTRIBUTE_SENSITIVE",
        wrap: expect.stringMatching(/^CKR_KEY_(UNEXTRACTABLE|NOT_WRAPPABLE)$/),
        loosen: expect.stringMatching(/^CKR_/),
      });
      await custody.close?.();
    });

    it("refuses a key that can be exported, under a name like ours", async () => {
      const handle = `segno:access_token:${"ab".repeat(12)}`;
      await plantExtractableKey(handle);
      const custody = pkcs11Custody(options);
      await expect(custody.sign(input, { ...made, handle }, soon())).rejects.toMatchObject({
        code: "key_unavailable",
        detail: { reason: "exportable" },
      });
      await custody.close?.();
    });

    it("says which PIN, token or library is wrong without telling it", async () => {
      const cases = [
        [{ ...options, pin: "9999-wrong" }, "CKR_PIN_INCORRECT"],
        [{ ...options, token: "another" }, "no_token"],
        [{ ...options, module: "/nowhere/lib.so" }, "no_library"],
      ] as const;
      for (const [wrong, reason] of cases) {
        const custody = pkcs11Custody(wrong);
        const error: unknown = await custody.check(soon()).catch((caught: unknown) => caught);
        expect(error).toMatchObject({ code: "key_unavailable", detail: { reason } });
        expect(String(error)).not.toContain("9999-wrong");
        await custody.close?.();
      }
    });

    it("has at most as many sessions as allowed, and signs all of a crowd", async () => {
      const custody = pkcs11Custody({ ...options, maxSessions: 2 });
      const { handle } = await custody.generate(made, soon());
      const all = Array.from({ length: 200 }, () => custody.sign(input, { ...made, handle }, soon()));
      expect((await Promise.all(all)).every((signature) => signature.length === 64)).toBe(true);
      await custody.close?.();
      const late: unknown = await custody.sign(input, { ...made, handle }, soon()).catch((caught: unknown) => caught);
      expect(isSegnoError(late, "key_unavailable")).toBe(true);
    });

    it("takes a PIN from a file, with the line break it ends with", async () => {
      const custody = pkcs11Custody({ ...options, pin: async () => `${options.pin}\n` });
      await custody.check(soon());
      await custody.close?.();
    });

    it("a key outlives the process that made it", async () => {
      const first = pkcs11Custody(options);
      const { handle } = await first.generate(made, soon());
      await first.close?.();
      const second = pkcs11Custody(options);
      expect(await second.sign(input, { ...made, handle }, soon())).toHaveLength(64);
      await second.close?.();
    });

    /** A second application on the token, with the user's PIN. */
    async function withToken<Answer>(
      work: (at: {
        pkcs11: typeof import("pkcs11js");
        library: import("pkcs11js").PKCS11;
        session: Buffer;
      }) => Answer | Promise<Answer>,
    ): Promise<Answer> {
      const module = (await import("pkcs11js")) as typeof import("pkcs11js") & { default?: typeof import("pkcs11js") };
      const pkcs11 = module.default ?? module;
      const library = new pkcs11.PKCS11();
      library.load(options.module);
      let isOurs = true;
      try {
        library.C_Initialize();
      } catch {
        isOurs = false;
      }
      try {
        const slot = library
          .C_GetSlotList(true)
          .find((each) => library.C_GetTokenInfo(each).label.trim() === options.token);
        const session = library.C_OpenSession(
          slot ?? Buffer.alloc(8),
          pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION,
        );
        try {
          library.C_Login(session, pkcs11.CKU_USER, options.pin);
        } catch {
          // logged in already
        }
        return await work({ pkcs11, library, session });
      } finally {
        if (isOurs) library.C_Finalize();
      }
    }

    const codeOf = (work: () => unknown): string => {
      try {
        work();
        return "allowed";
      } catch (error) {
        return /CKR_\w+/.exec(String(error))?.[0] ?? String(error);
      }
    };

    function lookAtPrivateKey(label: string): Promise<object> {
      return withToken(({ pkcs11, library, session }) => {
        library.C_FindObjectsInit(session, [
          { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
          { type: pkcs11.CKA_LABEL, value: label },
        ]);
        const found = library.C_FindObjects(session, 5);
        library.C_FindObjectsFinal(session);
        const key = found[0] ?? Buffer.alloc(8);
        const flag = (type: number): boolean => {
          const [attribute] = library.C_GetAttributeValue(session, key, [{ type }]);
          return Buffer.isBuffer(attribute?.value) ? attribute.value[0] !== 0 : attribute?.value === true;
        };
        const wrapper = library.C_GenerateKey(session, { mechanism: pkcs11.CKM_AES_KEY_GEN }, [
          { type: pkcs11.CKA_VALUE_LEN, value: 32 },
          { type: pkcs11.CKA_WRAP, value: true },
          { type: pkcs11.CKA_TOKEN, value: false },
        ]);
        return {
          count: found.length,
          sensitive: flag(pkcs11.CKA_SENSITIVE),
          alwaysSensitive: flag(pkcs11.CKA_ALWAYS_SENSITIVE),
          extractable: flag(pkcs11.CKA_EXTRACTABLE),
          neverExtractable: flag(pkcs11.CKA_NEVER_EXTRACTABLE),
          local: flag(pkcs11.CKA_LOCAL),
          value: codeOf(() => library.C_GetAttributeValue(session, key, [{ type: pkcs11.CKA_VALUE }])),
          wrap: codeOf(() =>
            library.C_WrapKey(session, { mechanism: pkcs11.CKM_AES_KEY_WRAP_PAD }, wrapper, key, Buffer.alloc(4096)),
          ),
          loosen: codeOf(() =>
            library.C_SetAttributeValue(session, key, [{ type: pkcs11.CKA_EXTRACTABLE, value: true }]),
          ),
        };
      });
    }

    function plantExtractableKey(label: string): Promise<void> {
      return withToken(({ pkcs11, library, session }) => {
        const common = [
          { type: pkcs11.CKA_TOKEN, value: true },
          { type: pkcs11.CKA_LABEL, value: label },
          { type: pkcs11.CKA_ID, value: Buffer.from(label) },
        ];
        library.C_GenerateKeyPair(
          session,
          { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN },
          [...common, { type: pkcs11.CKA_EC_PARAMS, value: Buffer.from("06082a8648ce3d030107", "hex") }],
          [
            ...common,
            { type: pkcs11.CKA_PRIVATE, value: true },
            { type: pkcs11.CKA_SENSITIVE, value: false },
            { type: pkcs11.CKA_EXTRACTABLE, value: true },
            { type: pkcs11.CKA_SIGN, value: true },
          ],
        );
      });
    }
  },
);
