import { describe, vi } from "vitest";
import { accessTokenSuite } from "./verify-access-token.suite.js";

vi.mock("#crypto", () => import("../crypto/web.js"));

describe("access tokens on WebCrypto", () => accessTokenSuite("web"));
