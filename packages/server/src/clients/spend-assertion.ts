import { generateKeyPairSync, hash, randomBytes } from "node:crypto";
import { createLocalKeySet, createRemoteKeySet, type KeySet, type PublicJwk, verifyClientAssertion } from "@segno/core";
import type { ServiceClient, ServiceCredential } from "../config.js";
import type { Engine } from "../engine.js";

/** How much longer than needed a use is remembered: a clock set back by less meets it again. */
const keepLongerMs = 2 * 3_600_000;

/**
 * Checks an assertion against the keys of its client and spends it: one use per client and `jti`, in the store, on every
 * node. For a client that is not known, or has no keys, the same work is done and refused.
 * Call it outside a transaction.
 * @throws SegnoError `invalid_client`, `key_set_unavailable`, `store_unavailable`
 */
export async function spendAssertion(
  engine: Engine,
  service: ServiceClient | undefined,
  presented: { readonly assertion: string; readonly clientId: string },
): Promise<void> {
  const credential = service?.credential.method === "private_key_jwt" ? service.credential : undefined;
  await verifyClientAssertion({
    ...presented,
    issuer: engine.config.issuer,
    keys: credential === undefined ? undefined : keysOf(engine, credential),
    standIn: keysOfNobody(),
    nowSeconds: engine.clock.nowMs() / 1000,
    ...(credential?.algorithms === undefined ? {} : { algorithms: credential.algorithms }),
    isReplay: async ({ clientId, jti, expiresAtSeconds }) => {
      const digest = hash("sha256", JSON.stringify([clientId, jti]), "base64url");
      return !(await engine.firstUse(`assertion:${digest}`, expiresAtSeconds * 1000 + keepLongerMs));
    },
  });
}

type Keys = Extract<ServiceCredential, { method: "private_key_jwt" }>;

/** By the object that lists them: configuration stays the same, and rows of one text are one object. */
const keySets = new WeakMap<object, KeySet>();

function keysOf(engine: Engine, credential: Keys): KeySet {
  let keys = keySets.get(credential);
  if (keys === undefined) {
    keys = credential.jwks === undefined ? remoteKeys(engine, credential) : createLocalKeySet(credential.jwks);
    keySets.set(credential, keys);
  }
  return keys;
}

function remoteKeys({ clock, fetch, log }: Engine, { jwksUri = "" }: Keys): KeySet {
  return createRemoteKeySet({
    url: jwksUri,
    clock,
    fetch: (url, init) => fetch(url, init),
    onProblem: ({ detail }) =>
      log.warn("A client's keys were not refreshed.", { url: jwksUri, reason: detail["reason"] }),
  });
}

let standIn: KeySet | undefined;

/** One key of each kind that nobody can sign with: the private halves are thrown away, and the RSA modulus never had one. */
function keysOfNobody(): KeySet {
  standIn ??= createLocalKeySet({
    keys: [curve("P-256"), curve("P-384"), jwkOf(generateKeyPairSync("ed25519").publicKey), modulus()].map(
      (jwk, index) => ({
        ...jwk,
        kid: String(index),
      }),
    ),
  });
  return standIn;
}

function curve(namedCurve: string): PublicJwk {
  return jwkOf(generateKeyPairSync("ec", { namedCurve }).publicKey);
}

function jwkOf(key: { export(options: { format: "jwk" }): object }): PublicJwk {
  return key.export({ format: "jwk" });
}

function modulus(): PublicJwk {
  const n = randomBytes(256);
  n[0] = 0xff;
  n[255] = 0xff;
  return { kty: "RSA", e: "AQAB", n: n.toString("base64url") };
}
