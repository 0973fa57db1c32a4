import { createCipheriv, createDecipheriv, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { SegnoError } from "@segno/core";
import type { KeyContext, KeyCustody, RemoteCustody, WrappingCustody } from "@segno/server/custody";
import { describe, expect, it } from "vitest";
import { custodyContract } from "./custody-contract.js";

const unavailable = (): SegnoError => new SegnoError("key_unavailable");
const isOver = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    setImmediate(() => (signal.aborted ? reject(unavailable()) : resolve()));
  });

/** A custody in memory, whole unless told to leave something out. */
function wrapping(broken: { readonly forgetsContext?: boolean; readonly tellsPlain?: boolean } = {}): WrappingCustody {
  const key = randomBytes(32);
  const bound = ({ purpose, kid }: KeyContext): Buffer =>
    Buffer.from(broken.forgetsContext === true ? "" : `${purpose}/${kid}`);
  return {
    mode: "wrapped",
    name: "memory",
    async wrap(plain, context, signal) {
      await isOver(signal);
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(bound(context));
      const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return sealed.toString("base64url");
    },
    async unwrap(wrapped, context, signal) {
      await isOver(signal);
      try {
        const sealed = Buffer.from(wrapped, "base64url");
        if (sealed.toString("base64url") !== wrapped) throw unavailable();
        const cipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12)).setAAD(bound(context));
        cipher.setAuthTag(sealed.subarray(-16));
        return Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]);
      } catch {
        throw broken.tellsPlain === true ? new SegnoError("key_unavailable", 'found {"kty":"EC"') : unavailable();
      }
    },
    check: isOver,
  };
}

function remote(
  broken: { readonly forgetsPurpose?: boolean; readonly signsDer?: boolean; readonly isDeaf?: boolean } = {},
): RemoteCustody {
  const keys = new Map<string, KeyObject>();
  const listen = broken.isDeaf === true ? async () => {} : isOver;
  return {
    mode: "remote",
    name: "memory",
    async generate({ purpose, algorithm }, signal) {
      await listen(signal);
      const pair =
        algorithm === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
      const handle = `${purpose}-${randomBytes(8).toString("hex")}`;
      keys.set(handle, pair.privateKey);
      return { handle, publicJwk: pair.publicKey.export({ format: "jwk" }) as Record<string, string> };
    },
    async sign(input, { handle, purpose, algorithm }, signal) {
      await listen(signal);
      const key = keys.get(handle);
      if (key === undefined || (broken.forgetsPurpose !== true && !handle.startsWith(`${purpose}-`)))
        throw unavailable();
      const dsaEncoding = broken.signsDer === true ? "der" : "ieee-p1363";
      return sign(algorithm === "ES256" ? "sha256" : null, input, { key, dsaEncoding });
    },
    check: listen,
  };
}

custodyContract({ name: "wrapped in memory", create: async () => wrapping() }, { describe, it });
custodyContract(
  { name: "remote in memory", create: async () => remote(), algorithms: ["ES256", "EdDSA"] },
  { describe, it },
);

/** Runs the suite on a custody that was broken on purpose and tells which cases fail. */
async function failuresOf(create: () => KeyCustody): Promise<readonly string[]> {
  const cases: { name: string; body: () => Promise<void> }[] = [];
  custodyContract(
    { name: "broken", create: async () => create() },
    { describe: (_name, body) => body(), it: (name, body) => cases.push({ name, body }) },
  );
  const failed: string[] = [];
  for (const { name, body } of cases) await body().catch(() => failed.push(name));
  return failed;
}

describe("the suite is red for", () => {
  const bound = "refuses a key under another name or for another purpose";
  it("a custody that forgets the context", async () => {
    expect(await failuresOf(() => wrapping({ forgetsContext: true }))).toEqual([bound]);
  });
  it("a custody whose messages tell the key", async () => {
    expect(await failuresOf(() => wrapping({ tellsPlain: true }))).toEqual([bound, "refuses what was changed"]);
  });
  it("a custody that signs for every purpose", async () => {
    expect(await failuresOf(() => remote({ forgetsPurpose: true }))).toEqual([bound]);
  });
  it("a custody that signs in DER", async () => {
    expect(await failuresOf(() => remote({ signsDer: true }))).toEqual(["R088: wraps and unwraps, or makes and signs"]);
  });
  it("a custody that does not listen to its signal", async () => {
    expect(await failuresOf(() => remote({ isDeaf: true }))).toEqual(["ends each call with its signal"]);
  });
});
