import { describe, vi } from "vitest";
import { clientAssertionSuite } from "./client-assertion.suite.js";

vi.mock("#crypto", () => import("../crypto/web.js"));

describe("client assertions on WebCrypto", clientAssertionSuite);
