import { expect, it } from "vitest";
import * as core from "./index.js";

it("the public names are these and no others", () => {
  expect(Object.keys(core).sort()).toMatchInlineSnapshot(`
    [
      "SegnoError",
      "acrSatisfies",
      "assertAccess",
      "authStateOf",
      "challengeHeader",
      "checkCertificateBinding",
      "createAccessTokenVerifier",
      "createDpopProof",
      "createIntrospection",
      "createLocalKeySet",
      "createRemoteKeySet",
      "createStatusList",
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
      "parseCertificateHeader",
      "personal",
      "readClientAssertion",
      "revealPersonal",
      "scopeList",
      "systemClock",
      "toOtelAttributes",
      "toProblem",
      "verifyClientAssertion",
      "verifyDpopProof",
      "withTelemetry",
    ]
  `);
});
