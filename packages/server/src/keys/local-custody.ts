import type { Secrets } from "../engine.js";
import type { KeyContext, WrappingCustody } from "./custody.js";

const sealPurpose = "keys.private";

/**
 * The default custody: private keys are sealed by the `SEGNO_SECRET` list and lie in the database. In this process, so
 * it always answers; a key sealed by a secret that is not listed any more does not open.
 */
export function createLocalCustody(secrets: Secrets): WrappingCustody {
  return {
    mode: "wrapped",
    name: "local",
    wrap: async (plain, context) => secrets.seal(sealPurpose, plain, labelOf(context)),
    unwrap: async (wrapped, context) => secrets.open(sealPurpose, wrapped, labelOf(context)),
    async rewrap(wrapped, context) {
      const newest = versionOf(secrets.seal(sealPurpose, new Uint8Array(0), ""));
      if (versionOf(wrapped) === newest) return undefined;
      const plain = secrets.open(sealPurpose, wrapped, labelOf(context));
      try {
        return secrets.seal(sealPurpose, plain, labelOf(context));
      } finally {
        plain.fill(0);
      }
    },
    check: async () => {},
  };
}

function labelOf({ purpose, kid }: KeyContext): string {
  return `${purpose}/${kid}`;
}

function versionOf(sealed: string): string {
  return sealed.slice(0, sealed.indexOf("."));
}
