import { describe, it } from "vitest";
import { liveWith } from "../../server/test/custody-flow.js";
import { pkcs11Custody } from "./pkcs11-custody.js";

const given = process.env["SEGNO_TEST_PKCS11"];
const options = JSON.parse(given ?? '{"module":"x","token":"x","pin":"x"}') as {
  module: string;
  token: string;
  pin: string;
};

describe.skipIf(given === undefined)(
  `R088: an engine signs in, refreshes and rotates with its keys in SoftHSM2 (${given ? "started" : "skipped: started by `node scripts/custody.mjs` only"})`,
  () => {
    it.each(["ES256", "EdDSA"] as const)("%s", async (algorithm) => {
      await liveWith(pkcs11Custody(options), algorithm);
    });
  },
);
