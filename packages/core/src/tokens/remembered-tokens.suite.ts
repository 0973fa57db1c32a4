import { describe, expect, it, vi } from "vitest";
import { backend } from "#crypto";
import { createLocalKeySet } from "./local-key-set.js";
import { goodClaims, outcome, signToken } from "./token.double.js";
import { key, keys, verifierWith } from "./verifier.double.js";

/** What the verifier remembers of a token, and what takes it back. */
export function rememberedTokensSuite(isSync: boolean): void {
  describe("cache and revocation", () => {
    it("T-056: a cached token answers for itself alone", async () => {
      const verifier = verifierWith();
      const tokens = Array.from({ length: 50 }, (_, index) => signToken(key, goodClaims({ sub: `user-${index}` })));
      for (let round = 0; round < 3; round += 1) {
        for (const [index, token] of tokens.entries()) {
          expect((await verifier.verify(token)).sub).toBe(`user-${index}`);
        }
      }
      const token = signToken(key);
      await verifier.verify(token);
      const other = verifierWith({ audience: "https://elsewhere.example" });
      expect(await outcome(() => other.verify(token))).toBe("token_audience");
    });

    it("answers a repeated token from the cache without any signature check", async () => {
      const verifier = verifierWith();
      const token = signToken(key);
      const first = await verifier.verify(token);
      const check = vi.spyOn(backend, "verify");
      expect(await verifier.verify(token)).toBe(first);
      if (isSync) expect(verifier.verifySync(token)).toBe(first);
      expect(check).not.toHaveBeenCalled();
    });

    it("T-056: revocation refuses a cached token at once, and forget drops it", async () => {
      const revoked = new Set<string>();
      const verifier = verifierWith({ isRevoked: (claims) => revoked.has(claims.sid) });
      const token = signToken(key);
      await verifier.verify(token);
      revoked.add("session-1");
      expect(await outcome(() => verifier.verify(token))).toBe("token_revoked");
      if (isSync) expect(await outcome(() => verifier.verifySync(token))).toBe("token_revoked");
      revoked.clear();
      await verifier.verify(token);
      expect(verifier.forget({ sid: "other" })).toBe(0);
      expect(verifier.forget({})).toBe(0);
      expect(verifier.forget({ sid: "session-1" })).toBe(1);
      expect(verifierWith({ cache: false }).forget({ sid: "session-1" })).toBe(0);
    });

    it("asks an asynchronous isRevoked too, and takes anything but false as revoked", async () => {
      const token = signToken(key);
      for (const answer of [true, undefined, null, 0, "no"]) {
        const verifier = verifierWith({ isRevoked: async () => answer as boolean });
        expect(await outcome(() => verifier.verify(token))).toBe("token_revoked");
      }
      const good = verifierWith({ isRevoked: async () => false });
      expect(await outcome(() => good.verify(token))).toBe("accepted");
      expect(await outcome(() => good.verify(token))).toBe("accepted");
      expect(good.verifySync(token)).toBeUndefined();
    });

    it("fails closed when isRevoked throws", async () => {
      const throwing = () => {
        throw new Error("store down");
      };
      const token = signToken(key);
      expect(await outcome(() => verifierWith({ isRevoked: throwing }).verify(token))).toBe("store_unavailable");
      const rejecting = verifierWith({ isRevoked: () => Promise.reject(new Error("store down")) });
      expect(await outcome(() => rejecting.verify(token))).toBe("store_unavailable");
      expect(rejecting.verifySync(token)).toBeUndefined();
      if (isSync) {
        const sync = verifierWith({ isRevoked: throwing });
        expect(await outcome(() => sync.verifySync(token))).toBe("store_unavailable");
      }
    });

    it("forgets a cached token once its key has left the set", async () => {
      let current = keys;
      const moving = {
        current: (query: Parameters<typeof keys.current>[0]) => current.current(query),
        resolve: (query: Parameters<typeof keys.current>[0]) => current.resolve(query),
      };
      const verifier = verifierWith({ keys: moving });
      const token = signToken(key);
      await verifier.verify(token);
      current = createLocalKeySet({ keys: [] });
      expect(await outcome(() => verifier.verify(token))).toBe("token_key_unknown");
      if (isSync) expect(verifier.verifySync(token)).toBeUndefined();
    });

    it("stays within its bound, dropping the oldest", async () => {
      const verifier = verifierWith({ cache: { maxEntries: 2 } });
      for (const jti of ["a", "b", "c"]) await verifier.verify(signToken(key, goodClaims({ jti })));
      expect(verifier.forget({ jti: "a" })).toBe(0);
      expect(verifier.forget({ sub: "user-1" })).toBe(2);
    });
  });
}
