import { describe, expect, it } from "vitest";
import { encodeBase64Url } from "../base64url.js";
import { goodClaims, outcome, signBytes, signToken, testKey } from "./token.double.js";
import { key, verifierWith } from "./verifier.double.js";

/** Which bytes are a token, and which only look like one. */
export function tokenSpellingsSuite(isSync: boolean): void {
  describe("spellings", () => {
    it("T-062: accepts one spelling of a token and refuses the others, cached or not", async () => {
      const verifier = verifierWith();
      const token = signToken(key);
      const [header = "", payload = "", signature = ""] = token.split(".");
      const last = signature.slice(-1);
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const sameBits = [...alphabet].filter(
        (c) => c !== last && alphabet.indexOf(c) >> 4 === alphabet.indexOf(last) >> 4,
      );
      const spellings = [
        ...sameBits.map((c) => `${header}.${payload}.${signature.slice(0, -1)}${c}`),
        `${token}==`,
        `${token}=`,
        `${token}\n`,
        ` ${token}`,
        `${header}.${payload}.${signature.slice(0, 20)} ${signature.slice(20)}`,
        `${header}.${payload}.${signature}.`,
        `${header}=.${payload}.${signature}`,
        token.includes("-") || token.includes("_") ? token.replaceAll("-", "+").replaceAll("_", "/") : `${token}+`,
      ];
      expect(sameBits).toHaveLength(15);
      await verifier.verify(token);
      for (const spelling of spellings) {
        expect(await outcome(() => verifier.verify(spelling)), spelling.slice(-12)).not.toBe("accepted");
      }
      expect(await outcome(() => verifier.verify(token))).toBe("accepted");
    });

    it.each([undefined, null, 7, {}, ["a.b.c"], "", ".", "..", "a.b", "a..c", ".b.c", "a.b.", "a.b.c.d"])(
      "refuses %j as a token",
      async (token) => {
        expect(await outcome(() => verifierWith().verify(token as string))).toBe("token_malformed");
        expect(await outcome(() => verifierWith({ cache: false }).verify(token as string))).toBe("token_malformed");
        if (isSync) expect(await outcome(() => verifierWith().verifySync(token as string))).toBe("token_malformed");
      },
    );

    it("refuses a signature of the wrong length and a foreign signature", async () => {
      const token = signToken(key);
      const input = token.slice(0, token.lastIndexOf("."));
      const signature = signBytes(key, input);
      for (const bytes of [signature.subarray(1), new Uint8Array([...signature, 0]), new Uint8Array(64)]) {
        expect(await outcome(() => verifierWith().verify(`${input}.${encodeBase64Url(bytes)}`))).toBe(
          "token_signature",
        );
      }
      const foreign = signToken({ ...testKey("key-1") });
      expect(await outcome(() => verifierWith().verify(foreign))).toBe("token_signature");
      if (isSync) expect(await outcome(() => verifierWith().verifySync(foreign))).toBe("token_signature");
    });

    it("checks signatures whose r or s begins with zero bytes", async () => {
      const verifier = verifierWith({ cache: false });
      for (let attempt = 0; attempt < 600; attempt += 1) {
        expect(await outcome(() => verifier.verify(signToken(key, goodClaims({ jti: `t-${attempt}` }))))).toBe(
          "accepted",
        );
      }
    });
  });
}
