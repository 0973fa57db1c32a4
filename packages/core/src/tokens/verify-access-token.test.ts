import { describe } from "vitest";
import { accessTokenSuite } from "./verify-access-token.suite.js";

describe("access tokens on node:crypto", () => accessTokenSuite("node"));
