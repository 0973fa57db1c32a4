import { readFile } from "node:fs/promises";
import { custodyFault } from "./custody-fault.js";
import { objectIn, requestVault } from "./vault-request.js";
import type { VaultSettings } from "./vault-options.js";

/** A secret as it is, or where to get it each time it is needed. */
export type ProvidedSecret = string | (() => string | Promise<string>);

/** How to sign in to Vault or OpenBao. `mount` is where the auth method is mounted; default: its own name. */
export type VaultLogin =
  | {
      readonly method: "token";
      /** A token. As a function it is asked again when the last one is refused, for example to read an agent's file. */
      readonly token: ProvidedSecret;
    }
  | {
      readonly method: "approle";
      readonly roleId: string;
      readonly secretId: ProvidedSecret;
      readonly mount?: string;
    }
  | {
      readonly method: "kubernetes";
      readonly role: string;
      /** The service account's token. Default: the file Kubernetes projects into each pod, read at every login. */
      readonly jwt?: ProvidedSecret;
      readonly mount?: string;
    }
  | {
      readonly method: "jwt";
      readonly role: string;
      /** A JWT of the workload. It is asked for at every login, because it is short-lived. */
      readonly jwt: ProvidedSecret;
      readonly mount?: string;
    };

/** A token and the time it was lent for. */
export interface VaultAuth {
  readonly token: string;
  /** 0: it does not end. */
  readonly leaseSeconds: number;
  readonly isRenewable: boolean;
  /** Whether this process got it by signing in, and so gives it back. */
  readonly isOurs: boolean;
}

const projectedToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Signs in. @throws SegnoError `key_unavailable` */
export async function loginVault(settings: VaultSettings, signal: AbortSignal): Promise<VaultAuth> {
  const { login } = settings;
  if (login.method === "token") return await lookUp(settings, await provided("token", login.token), signal);
  const answer = await requestVault(
    settings,
    {
      method: "POST",
      path: `auth/${login.mount ?? login.method}/login`,
      verb: `sign in with ${login.method}`,
      body: await credentialsOf(login),
    },
    signal,
  );
  const auth = readAuth(objectIn(answer, "auth"));
  if (auth === undefined) throw custodyFault("vault", "the login was answered without a token.");
  return auth;
}

/** Asks for more time. @returns undefined when the answer holds no token */
export async function renewVault(
  settings: VaultSettings,
  held: VaultAuth,
  signal: AbortSignal,
): Promise<VaultAuth | undefined> {
  const request = { method: "POST", path: "auth/token/renew-self", verb: "renew its lease", body: {} } as const;
  const answer = await requestVault(settings, { ...request, token: held.token }, signal);
  const auth = readAuth(objectIn(answer, "auth"));
  return auth === undefined ? undefined : { ...auth, token: held.token, isOurs: held.isOurs };
}

async function credentialsOf(login: Exclude<VaultLogin, { method: "token" }>): Promise<Record<string, string>> {
  if (login.method === "approle") {
    return { role_id: login.roleId, secret_id: await provided("secretId", login.secretId) };
  }
  const jwt = login.jwt ?? (async () => await readFile(projectedToken, "utf8"));
  return { role: login.role, jwt: await provided("jwt", jwt) };
}

/** The thrown text of a provider may hold what it read, so it goes no further. */
async function provided(what: string, secret: ProvidedSecret): Promise<string> {
  let value: unknown;
  try {
    value = typeof secret === "string" ? secret : await secret();
  } catch {
    throw custodyFault("vault", `\`login.${what}\` could not be read.`);
  }
  if (typeof value !== "string" || value.trim() === "") throw custodyFault("vault", `\`login.${what}\` is empty.`);
  return value.trim();
}

/** What is known of a token that was given to us. */
async function lookUp(settings: VaultSettings, token: string, signal: AbortSignal): Promise<VaultAuth> {
  const request = { method: "GET", path: "auth/token/lookup-self", verb: "look up its token", token } as const;
  const data = objectIn(await requestVault(settings, request, signal), "data");
  return { token, leaseSeconds: seconds(data["ttl"]), isRenewable: data["renewable"] === true, isOurs: false };
}

function readAuth(auth: Readonly<Record<string, unknown>>): VaultAuth | undefined {
  const token = auth["client_token"];
  // The token becomes a header.
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,8192}$/.test(token)) return undefined;
  return {
    token,
    leaseSeconds: seconds(auth["lease_duration"]),
    isRenewable: auth["renewable"] === true,
    isOurs: true,
  };
}

function seconds(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw custodyFault("vault", "the answer does not say how long its token lives.");
}
