import { type Clock, systemClock } from "@segno/core";
import type { VaultLogin } from "./vault-login.js";

/** Where a Vault or OpenBao server is, and how this process signs in there. */
export interface VaultOptions {
  /**
   * The server's address, for example `https://vault.example.com:8200`. `https`, except on localhost.
   * Default `BAO_ADDR`, else `VAULT_ADDR`. It is never taken from a request.
   */
  readonly address?: string;
  /** Sent as `X-Vault-Namespace`. Default `BAO_NAMESPACE`, else `VAULT_NAMESPACE`, else none. */
  readonly namespace?: string;
  /** Where the transit engine is mounted. Default `transit`. */
  readonly mount?: string;
  /** Default: the token in `BAO_TOKEN`, else `VAULT_TOKEN`. */
  readonly login?: VaultLogin;
  /** Replaces `fetch`, for example by one that trusts a private certificate authority. */
  readonly fetch?: typeof fetch;
  /** When leases end is told by this clock. Default: the machine's. */
  readonly clock?: Clock;
}

/** The same after it was checked. */
export interface VaultSettings {
  readonly address: string;
  readonly namespace: string | undefined;
  readonly mount: string;
  readonly login: VaultLogin;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

/**
 * Options, then environment, then defaults.
 * @throws TypeError naming the option, never its secret
 */
export function resolveVault(options: VaultOptions): VaultSettings {
  const env = (name: string): string | undefined => process.env[`BAO_${name}`] || process.env[`VAULT_${name}`];
  const token = env("TOKEN");
  const login = options.login ?? (token === undefined ? undefined : { method: "token" as const, token });
  if (login === undefined) throw new TypeError("Vault: set `login`, or BAO_TOKEN or VAULT_TOKEN.");
  const namespace = options.namespace ?? env("NAMESPACE");
  if (namespace !== undefined && !/^[\w./-]{1,256}$/.test(namespace)) {
    throw new TypeError("Vault: `namespace` is a path of names.");
  }
  if (login.method !== "token") {
    requirePath("login.mount", login.mount ?? login.method);
    if (login.method !== "approle") requirePath("login.role", login.role);
  }
  return {
    address: requireAddress(options.address ?? env("ADDR")),
    namespace,
    mount: requirePath("mount", options.mount ?? "transit"),
    login,
    fetch: options.fetch ?? fetch,
    clock: options.clock ?? systemClock,
  };
}

/** A path of plain names: nothing in it is a dot segment, a query or needs escaping. */
export function requirePath(option: string, path: string): string {
  if (path.length > 256 || !/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(path)) {
    throw new TypeError(`Vault: \`${option}\` is a path of letters, digits, "-", "_" and ".".`);
  }
  return path;
}

function requireAddress(address: string | undefined): string {
  if (address === undefined) throw new TypeError("Vault: set `address`, or BAO_ADDR or VAULT_ADDR.");
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new TypeError("Vault: `address` is a URL such as https://vault.example.com:8200.");
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new TypeError("Vault: `address` holds no user, password, query or fragment.");
  }
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "http:" && !isLocal) throw new TypeError("Vault: `address` must be https outside localhost.");
  return url.href.replace(/\/+$/, "");
}
