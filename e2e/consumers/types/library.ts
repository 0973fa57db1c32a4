// A library of its own, with `declaration: true`: every inferred type here must have a name the compiler can write down (no TS2742, no TS4023).
import { createSegnoClient } from "@segno/client";
import { createAccessTokenVerifier, createRemoteKeySet, isSegnoError, systemClock } from "@segno/core";
import { requireAuth, segnoMiddleware, toExpress } from "@segno/express";
import { createNextSegno } from "@segno/next/server";
import { createSegno } from "@segno/server";
import { createSignIn } from "@segno/signin";
import { createTestSegno } from "@segno/testing";

export const segno = createSegno({ baseUrl: "http://localhost:3000", signIn: { passkey: true, emailCode: true } });
export const mount = toExpress(segno);
export const attach = segnoMiddleware(segno);
export const guard = requireAuth({ acr: "phr", maxAgeSeconds: 300 });
export const next = createNextSegno(segno);
export const client = createSegnoClient({ baseUrl: "http://localhost:3000" });
export const signIn = createSignIn(client);
export const keys = createRemoteKeySet({ url: "http://localhost:3000/.well-known/jwks.json" });
export const verifier = createAccessTokenVerifier({
  issuer: "http://localhost:3000",
  audience: "orders",
  keys,
  clock: systemClock,
});
export const verify = async (token: string) => {
  try {
    return { claims: await verifier.verify(token), problem: null };
  } catch (error) {
    if (isSegnoError(error, "token_expired")) return { claims: null, problem: error.code };
    throw error;
  }
};
export const onLogin = () => segno.on("login.success", (event) => event.type);
export const testing = () => createTestSegno();

// Nothing may have slipped to `any`.
type IsAny<T> = 0 extends 1 & T ? true : false;
export const noAny: readonly false[] = [
  false satisfies IsAny<typeof segno>,
  false satisfies IsAny<typeof client>,
  false satisfies IsAny<typeof signIn>,
  false satisfies IsAny<typeof next.auth>,
  false satisfies IsAny<Awaited<ReturnType<typeof verify>>["claims"]>,
];
