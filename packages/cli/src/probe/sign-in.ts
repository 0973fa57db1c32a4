import { createAccessTokenVerifier, createRemoteKeySet, systemClock } from "@segno/core";
import { assertPasskey, newPasskey, type ProbePasskey, register } from "./passkey.js";
import { type Answer, ProbeFault, type Site } from "./site.js";

/** Where a service has what a probe asks for. */
export interface ProbeTarget {
  readonly issuer: string;
  /** Path of the engine's own routes, such as `/api/auth`. */
  readonly basePath: string;
}

/** Reads the discovery document. Everything is asked of the given address, whatever host the document names. */
export async function discover(site: Site): Promise<ProbeTarget> {
  const { json } = await site.get("/.well-known/openid-configuration");
  const { issuer, token_endpoint: endpoint } = json;
  const [, basePath] =
    typeof endpoint === "string" ? (/^https?:\/\/[^/]+(.*)\/oauth2\/token$/.exec(endpoint) ?? []) : [];
  if (typeof issuer !== "string" || basePath === undefined)
    throw new ProbeFault("the discovery document is none of Segno");
  return { issuer, basePath };
}

/** Makes an account of its own for the probe, and leaves it signed out. */
export async function enrol(site: Site): Promise<{ readonly passkey: ProbePasskey; readonly subject: string }> {
  const { basePath } = await discover(site);
  const started = await site.post(`${basePath}/v1/passkeys/sign-up/options`, { displayName: "Synthetic probe" });
  const { attemptId, publicKey } = ceremonyOf(started);
  const { rp, user } = publicKey as {
    readonly rp?: { readonly id?: unknown };
    readonly user?: { readonly id?: unknown };
  };
  if (typeof user?.id !== "string") throw new ProbeFault("the options name no user");
  const passkey = newPasskey(allowedRpId(site, rp?.id), user.id);
  const response = register(passkey, { origin: site.origin, challenge: publicKey.challenge });
  const done = await site.post(`${basePath}/v1/passkeys/sign-up/verify`, { attemptId, response });
  const subject = subjectOf(done);
  await site.post(`${basePath}/v1/sign-out`, {});
  return { passkey, subject };
}

/** Begins a sign-in and finishes it. @returns the account that is signed in */
export async function signIn(site: Site, { basePath }: ProbeTarget, passkey: ProbePasskey): Promise<string> {
  const { attemptId, publicKey } = ceremonyOf(await site.post(`${basePath}/v1/passkeys/sign-in/options`, {}));
  if (allowedRpId(site, publicKey.rpId) !== passkey.rpId)
    throw new ProbeFault("the service has another rpId than at enrolment");
  const response = assertPasskey(passkey, { origin: site.origin, challenge: publicKey.challenge });
  return subjectOf(await site.post(`${basePath}/v1/passkeys/sign-in/verify`, { attemptId, response }));
}

/** Asks who is signed in. @param subject null for nobody */
export async function checkSession(site: Site, { basePath }: ProbeTarget, subject: string | null): Promise<void> {
  const { json } = await site.get(`${basePath}/v1/session`);
  const { session } = json as { readonly session?: { readonly userId?: unknown } | null };
  if ((session?.userId ?? null) !== subject)
    throw new ProbeFault(subject === null ? "the session is still there" : "the session is not that of the account");
}

export async function fetchToken(site: Site, { basePath }: ProbeTarget): Promise<string> {
  const { json } = await site.post(`${basePath}/v1/session/token`, {});
  if (typeof json["accessToken"] !== "string") throw new ProbeFault("the answer holds no token");
  return json["accessToken"];
}

/** Checks the token as an API does that knows nothing but the issuer: signature by its published keys, times by this clock. */
export async function checkToken(site: Site, { issuer }: ProbeTarget, token: string): Promise<void> {
  const verifier = createAccessTokenVerifier({
    issuer,
    audience: audienceOf(token),
    keys: createRemoteKeySet({ url: new URL("/.well-known/jwks.json", site.origin), fetch: site.fetch }),
    algorithms: ["ES256", "EdDSA"],
  });
  try {
    await verifier.verify(token);
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    const isTime = code === "token_expired" || code === "token_not_yet_valid";
    const apart = isTime ? `: the service's clock and this one are about ${skewSeconds(token)} s apart` : "";
    throw new ProbeFault(`${typeof code === "string" ? code : "not verified"}${apart}`);
  }
}

export async function signOut(site: Site, target: ProbeTarget): Promise<void> {
  await site.post(`${target.basePath}/v1/sign-out`, {});
  await checkSession(site, target, null);
}

interface CeremonyOptions {
  readonly attemptId: string;
  readonly publicKey: { readonly challenge: string; readonly rpId?: unknown };
}

function ceremonyOf({ json }: Answer): CeremonyOptions {
  const { attemptId, publicKey } = json as Partial<CeremonyOptions>;
  if (typeof attemptId !== "string" || typeof publicKey?.challenge !== "string")
    throw new ProbeFault("the answer holds no options for a passkey");
  return { attemptId, publicKey };
}

function subjectOf({ json }: Answer): string {
  const { user } = json as { readonly user?: { readonly id?: unknown } };
  if (typeof user?.id !== "string") throw new ProbeFault("the answer names no account");
  return user.id;
}

/** As a browser would: the host itself or what it is under. */
function allowedRpId(site: Site, rpId: unknown): string {
  const { hostname } = new URL(site.origin);
  if (typeof rpId === "string" && (hostname === rpId || hostname.endsWith(`.${rpId}`))) return rpId;
  throw new ProbeFault(`the service's rpId is not one that a page of ${site.origin} may use`);
}

const claimsOf = (token: string): Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
  } catch {
    throw new ProbeFault("the token is no JWT");
  }
};

/** The probe is no audience: it looks whether whoever is named would take the token. */
function audienceOf(token: string): string | readonly string[] {
  const { aud } = claimsOf(token);
  if (typeof aud === "string") return aud;
  if (Array.isArray(aud) && aud.every((each) => typeof each === "string")) return aud;
  throw new ProbeFault("the token names no audience");
}

function skewSeconds(token: string): number {
  return Math.abs(Math.round(systemClock.nowMs() / 1000 - Number(claimsOf(token)["iat"])));
}
