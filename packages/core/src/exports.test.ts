import { expect, it } from "vitest";
import * as core from "./index.js";

// More than the 25 that a package should have: the other packages may use nothing of core but these, there is no back
// door. What only one of them needs belongs there; what can be had from another name here is none of its own.
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
      "eventSchemaVersions",
      "failureClassOf",
      "findPersonal",
      "generateDpopKeyPair",
      "isSegnoError",
      "jwkThumbprint",
      "parseCertificateHeader",
      "personal",
      "readClientAssertion",
      "readSecurityEventIssuer",
      "revealPersonal",
      "scopeList",
      "systemClock",
      "toOtelAttributes",
      "toProblem",
      "verifyClientAssertion",
      "verifyDpopProof",
      "verifySecurityEvent",
      "withTelemetry",
    ]
  `);
});
