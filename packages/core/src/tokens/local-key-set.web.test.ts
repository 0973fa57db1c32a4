import { describe, expect, it, vi } from "vitest";
import { createLocalKeySet } from "./local-key-set.js";
import { testKey } from "./token.double.js";

vi.mock("#crypto", () => import("../crypto/web.js"));

describe("createLocalKeySet on WebCrypto", () => {
  it("has its keys as soon as the platform has imported them", async () => {
    const keys = createLocalKeySet({ keys: [testKey("key-1").jwk, testKey("ed", "EdDSA").jwk] });
    expect(keys.current({ kid: "key-1", alg: "ES256" })).toBeUndefined();
    const key = await keys.resolve({ kid: "key-1", alg: "ES256" });
    expect(key?.kid).toBe("key-1");
    expect(keys.current({ kid: "key-1", alg: "ES256" })).toBe(key);
  });

  it("reports a bad key when asked, not as an unhandled rejection", async () => {
    const { jwk } = testKey("key-1");
    const keys = createLocalKeySet({ keys: [{ ...jwk, x: jwk.y }] });
    await expect(keys.resolve({ kid: "key-1", alg: "ES256" })).rejects.toThrow();
    expect(keys.current({ kid: "key-1", alg: "ES256" })).toBeUndefined();
  });
});
