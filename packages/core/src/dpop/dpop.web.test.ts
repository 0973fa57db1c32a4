import { describe, vi } from "vitest";
import { dpopSuite } from "./dpop.suite.js";

vi.mock("#crypto", () => import("../crypto/web.js"));

describe("DPoP on WebCrypto", () => dpopSuite("web"));
