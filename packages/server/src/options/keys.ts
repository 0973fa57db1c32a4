import type { KeyOptions, ResolvedConfig } from "../config.js";
import { type KeyCustody, leastPublishSeconds } from "../keys/index.js";
import { checkSeconds, day, minute } from "./seconds.js";

export function readKeys(options: KeyOptions, faults: string[]): ResolvedConfig["keys"] {
  const { custody: _, ...given } = options;
  const keys = {
    algorithm: "ES256",
    signingSeconds: 30 * day,
    auditSigningSeconds: 365 * day,
    dataSealingSeconds: 90 * day,
    publishSeconds: day,
    leaseSeconds: 60 * minute,
    outageSeconds: 15 * minute,
    custodyTimeoutSeconds: 2,
    ...given,
  } as const;
  checkSeconds("keys", keys, faults, ["outageSeconds"]);
  if (keys.publishSeconds < leastPublishSeconds)
    faults.push(
      `keys.publishSeconds: must be ${leastPublishSeconds} at least, or caches of verifiers miss the next key`,
    );
  if (!(keys.custodyTimeoutSeconds >= 0.05 && keys.custodyTimeoutSeconds <= 30))
    faults.push("keys.custodyTimeoutSeconds: must be between 0.05 and 30");
  if (!(keys.leaseSeconds >= minute && keys.leaseSeconds <= day))
    faults.push("keys.leaseSeconds: must be between 60 and 86400");
  if (keys.outageSeconds > day) faults.push("keys.outageSeconds: must be 86400 at most");
  if (!["ES256", "EdDSA"].includes(keys.algorithm)) faults.push("keys.algorithm: must be ES256 or EdDSA");
  return keys;
}

const custodyVerbs = { wrapped: ["wrap", "unwrap", "check"], remote: ["generate", "sign", "check"] } as const;

export function readCustody(custody: KeyCustody | undefined, faults: string[]): KeyCustody | undefined {
  if (custody === undefined) return undefined;
  const verbs = Object.hasOwn(custodyVerbs, custody.mode) ? custodyVerbs[custody.mode] : undefined;
  const given: Readonly<Record<string, unknown>> = { ...custody };
  const has = (verb: string) => typeof (given[verb] ?? Reflect.get(custody, verb)) === "function";
  if (verbs === undefined || !verbs.every(has)) {
    faults.push('keys.custody: is not a custody. It needs the mode "wrapped" or "remote" and the verbs of it');
  }
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(custody.name) || custody.name === "local") {
    faults.push('keys.custody: its name must be short and plain, such as "vault", and not "local"');
  }
  return custody;
}
