import { describe } from "vitest";
import { dpopSuite } from "./dpop.suite.js";

describe("DPoP on node:crypto", () => dpopSuite("node"));
