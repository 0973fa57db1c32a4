import { expect, it } from "vitest";
import * as core from "./index.js";

it("the public names are these and no others", () => {
  expect(Object.keys(core).sort()).toMatchInlineSnapshot(`
    [
      "SegnoError",
      "acrSatisfies",
      "assertAccess",
      "challengeHeader",
      "createAccessTokenVerifier",
      "createDpopProof",
      "createLocalKeySet",
      "createRemoteKeySet",
      "decodeBase64Url",
      "encodeBase64Url",
      "errorCodes",
      "errorInfo",
      "eventSchemaVersions",
      "findPersonal",
      "generateDpopKeyPair",
      "isErrorCode",
      "isSegnoError",
      "jwkThumbprint",
      "noopTelemetry",
      "personal",
      "revealPersonal",
      "scopeList",
      "systemClock",
      "toOtelAttributes",
      "toProblem",
      "verifyDpopProof",
      "withTelemetry",
    ]
  `);
});
