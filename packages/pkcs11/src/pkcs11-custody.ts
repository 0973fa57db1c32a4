import { createHash } from "node:crypto";
import type { KeyAlgorithm, RemoteCustody, RemoteKey } from "@segno/server/custody";
import { pkcs11Fault } from "./fault.js";
import { destroyKey, findPrivateKey, makeKey, requireMechanisms, signWith } from "./key-objects.js";
import { openToken } from "./token.js";

/** What `pkcs11Custody` takes. */
export interface Pkcs11CustodyOptions {
  /** The path of the vendor's PKCS #11 library. It runs inside your process: only ever your own configuration. */
  readonly module: string;
  /** The label of the token. */
  readonly token: string;
  /** The PIN of its user, or where to get it whenever it is needed. */
  readonly pin: string | (() => string | Promise<string>);
  /** What the module makes keys for. Default `["ES256", "EdDSA"]`: say `["ES256"]` where it has no Ed25519. */
  readonly algorithms?: readonly KeyAlgorithm[];
  /** How many signatures are made at once; more wait their turn. Default 4. */
  readonly maxSessions?: number;
}

/**
 * Keeps signing keys in a hardware security module, through PKCS #11. Keys are made there as sensitive and not
 * extractable, which is read back; every signature is made there, on a thread of its own. The purpose is part of the
 * key's label there, so a key is refused for every other one. A module that was restarted is taken up by the next call.
 *
 * Not checked: what the module is. A software token keeps its promises only as well as its files are kept.
 *
 * @throws TypeError when an option is missing; every call later: SegnoError `key_unavailable`, also when `pkcs11js` was
 * not compiled
 * @example
 * const custody = pkcs11Custody({
 *   module: "/usr/lib/softhsm/libsofthsm2.so",
 *   token: "segno",
 *   pin: () => readFile("/run/secrets/hsm-pin", "utf8"),
 * });
 */
export function pkcs11Custody(options: Pkcs11CustodyOptions): RemoteCustody {
  const { module, token: label, pin, algorithms = ["ES256", "EdDSA"], maxSessions = 4 } = options;
  if (module === "" || label === "") throw new TypeError("PKCS #11: `module` and `token` must not be empty.");
  if (!Number.isInteger(maxSessions) || maxSessions < 1 || maxSessions > 256) {
    throw new TypeError("PKCS #11: `maxSessions` is a whole number from 1 to 256.");
  }
  const token = openToken({ module, token: label, pin, maxSessions });
  return {
    mode: "remote",
    name: "pkcs11",
    algorithms,
    generate: (input, signal) => token.use("make a key", signal, (session) => makeKey(session, input)),
    async sign(input, key, signal) {
      const name = nameOf(key);
      const isHashed = key.algorithm === "ES256";
      const message = isHashed ? createHash("sha256").update(input).digest() : Buffer.from(input);
      return await token.use("sign", signal, (session) =>
        signWith(session, findPrivateKey(session, name), { algorithm: key.algorithm, message }),
      );
    },
    async destroy(key, signal) {
      const name = nameOf(key);
      await token.use("destroy a key", signal, async (session) => destroyKey(session, name));
    },
    check: (signal) => token.use("check", signal, async (session) => requireMechanisms(session)),
    close: async () => token.close(),
  };
}

/** @throws SegnoError `key_unavailable` when this key was made for something else */
function nameOf({ handle, purpose }: RemoteKey): string {
  const start = `segno:${purpose}:`;
  if (handle.startsWith(start) && /^[0-9a-f]{24}$/.test(handle.slice(start.length))) return handle;
  throw pkcs11Fault("this key was made for another purpose or by another custody.", "wrong_purpose");
}
